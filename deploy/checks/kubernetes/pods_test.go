package kubernetes_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"parley/deploy/checks/internal/parley"
)

// Kubernetes' own policy finds nothing that "restricted" forbids.
func TestPodSecurity(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	must(t, err)
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	each(t, func(t *testing.T, m manifest) {
		pods := m.pods()
		for _, result := range evaluator.EvaluatePod(restricted, &pods.ObjectMeta, &pods.Spec) {
			if !result.Allowed {
				t.Errorf("%s: %s", result.ForbiddenReason, result.ForbiddenDetail)
			}
		}
		// And the check itself finds something.
		spoilt := pods.Spec.DeepCopy()
		spoilt.HostNetwork = true
		if policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pods.ObjectMeta, spoilt)).Allowed {
			t.Error("host network is allowed")
		}
		c := pods.Spec.Containers[0]
		if c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem {
			t.Error("the root file system can be written to")
		}
		if pods.Spec.EnableServiceLinks == nil || *pods.Spec.EnableServiceLinks {
			t.Error("service links are on")
		}
		if pods.Spec.AutomountServiceAccountToken == nil || *pods.Spec.AutomountServiceAccountToken {
			t.Error("the pod has a token for the API server")
		}
		if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
			t.Errorf("resources: %v", c.Resources)
		}
	})
}

// Whatever selects pods selects these, and whatever names a port or an object names one that there is.
func TestReferences(t *testing.T) {
	each(t, func(t *testing.T, m manifest) {
		pods := m.pods()
		selects := func(what string, selector *metav1.LabelSelector) {
			t.Helper()
			s, err := metav1.LabelSelectorAsSelector(selector)
			must(t, err)
			if s.Empty() || !s.Matches(labels.Set(pods.Labels)) {
				t.Errorf("the selector %q of the %s; the pods have %v", s, what, pods.Labels)
			}
		}
		port := func(what, name string) {
			t.Helper()
			for _, p := range pods.Spec.Containers[0].Ports {
				if p.Name == name {
					return
				}
			}
			t.Errorf("%s: there is no port %q", what, name)
		}

		selects("service", metav1.SetAsLabelSelector(m.service.Spec.Selector))
		for _, p := range m.service.Spec.Ports {
			port("service", p.TargetPort.String())
		}
		selects("network policy", &m.policy.Spec.PodSelector)
		for _, rule := range m.policy.Spec.Ingress {
			for _, p := range rule.Ports {
				port("network policy", p.Port.String())
			}
		}
		for _, c := range pods.Spec.TopologySpreadConstraints {
			selects("topology spread", c.LabelSelector)
		}
		if from := pods.Spec.Containers[0].EnvFrom[0].ConfigMapRef; from == nil || from.Name != m.config.Name {
			t.Errorf("the pod's environment is %v, the config map %s", from, m.config.Name)
		}
		if m.deployment != nil {
			selects("deployment", m.deployment.Spec.Selector)
			selects("disruption budget", m.budget.Spec.Selector)
		} else {
			selects("daemon set", m.daemonSet.Spec.Selector)
		}
		if m.monitor != nil {
			selects("pod monitor", &m.monitor.Spec.Selector)
			for _, e := range m.monitor.Spec.PodMetricsEndpoints {
				port("pod monitor", *e.Port)
			}
			if job := pods.Labels[m.monitor.Spec.JobLabel]; job != "parley" {
				t.Errorf("Prometheus would call the job %q", job)
			}
		}
		if a := m.autoscaler; a != nil {
			if of := a.Spec.ScaleTargetRef; of.Kind != "Deployment" || of.Name != m.deployment.Name || m.deployment.Spec.Replicas != nil {
				t.Errorf("the autoscaler scales %v, the deployment %s has replicas %v", of, m.deployment.Name, m.deployment.Spec.Replicas)
			}
		}
	})
}

// endTimeout is how long the daemon may take beyond delay and timeout: see cmd/parley.
const endTimeout = 6 * time.Second

// The daemon starts with the pod's arguments and variables, has all ports that the pod names, answers the probes, and its drain
// ends before Kubernetes would kill it.
func TestStarts(t *testing.T) {
	each(t, func(t *testing.T, m manifest) {
		c := m.pods().Spec.Containers[0]
		network := parley.NewNetwork(t)
		cmd := network.Command(parley.Binary, c.Args...)
		for name, value := range m.config.Data {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		d := parley.Start(t, cmd)
		d.Logged("admin listening")
		if strings.Contains(d.Output(), `"level":"warn"`) {
			t.Errorf("a warning:\n%s", d.Output())
		}
		ports := map[string]int32{}
		for _, p := range c.Ports {
			ports[p.Name] = p.ContainerPort
			parley.Run(t, network.Command("sh", "-c", fmt.Sprintf("ss -Hltn sport = :%d | grep -q LISTEN", p.ContainerPort)))
		}
		for _, probe := range []*corev1.Probe{c.ReadinessProbe, c.LivenessProbe} {
			url := fmt.Sprintf("http://127.0.0.1:%d%s", ports[probe.HTTPGet.Port.String()], probe.HTTPGet.Path)
			if got := parley.Run(t, network.Command("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", url)); got != fmt.Sprint(http.StatusOK) {
				t.Errorf("%s: %s", url, got)
			}
		}
		// The image's HEALTHCHECK, with the same variables.
		check := network.Command(parley.Binary, "probe")
		check.Env = cmd.Env
		parley.Run(t, check)

		duration := func(name string) time.Duration {
			d, err := time.ParseDuration(m.config.Data[name])
			must(t, err)
			return d
		}
		grace := time.Duration(*m.pods().Spec.TerminationGracePeriodSeconds) * time.Second
		if needed := duration("PARLEY_DRAIN_DELAY") + duration("PARLEY_DRAIN_TIMEOUT") + endTimeout; needed >= grace {
			t.Errorf("a drain may take %v, and the grace period is %v", needed, grace)
		}
		// The pod is out of the service before it stops to accept.
		p := c.ReadinessProbe
		if noticed := time.Duration(p.PeriodSeconds*p.FailureThreshold) * time.Second; noticed >= duration("PARLEY_DRAIN_DELAY") {
			t.Errorf("that a pod drains is noticed within %v, and it accepts for %v", noticed, duration("PARLEY_DRAIN_DELAY"))
		}
	})
}

// The metric that the autoscaler goes by is one that the daemon has, and its adapter sums up over the listeners.
func TestAutoscalerMetric(t *testing.T) {
	t.Parallel()
	_, url := parley.Admin(t, "echo://127.0.0.1:0")
	shown := parley.Run(t, exec.Command("curl", "-fsS", url+"/metrics"))
	metric := build(t, "overlays/monitored").autoscaler.Spec.Metrics[0].Pods.Metric.Name
	if !strings.Contains(shown, "\n"+metric+"{") {
		t.Errorf("the daemon has no %s", metric)
	}
	adapter := read(t, folder+"/components/autoscaling/prometheus-adapter.yaml")
	for _, part := range []string{"seriesQuery: " + metric + "{", "as: " + metric + "\n"} {
		if !strings.Contains(adapter, part) {
			t.Errorf("prometheus-adapter.yaml has no %q", part)
		}
	}
}
