// Package kubernetes_test builds every kustomization of deploy/kubernetes and checks what comes out: by Kubernetes' own types, read
// strictly, by its pod security policy, and by starting the daemon as the pod would.
package kubernetes_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"parley/deploy/checks/internal/parley"
)

func TestMain(m *testing.M) { os.Exit(parley.Main(m)) }

const folder = "../../kubernetes"

// kustomizations are what a user applies.
var kustomizations = []string{"base", "overlays/monitored", "overlays/nodes", "overlays/loadbalancer"}

// A manifest is one kustomization, built. A pointer is nil where there is none.
type manifest struct {
	name       string
	config     corev1.ConfigMap
	service    corev1.Service
	deployment *appsv1.Deployment
	daemonSet  *appsv1.DaemonSet
	budget     *policyv1.PodDisruptionBudget
	policy     networkingv1.NetworkPolicy
	monitor    *monitoring.PodMonitor
	autoscaler *autoscalingv2.HorizontalPodAutoscaler
}

// strict knows the types, and refuses a field that is in none of them, or is there twice.
func strict(t *testing.T) runtime.Decoder {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme, monitoring.AddToScheme,
	} {
		must(t, add(scheme))
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}

func build(t *testing.T, name string) manifest {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(folder, name))
	must(t, err)
	text, err := resources.AsYaml()
	must(t, err)
	m := manifest{name: name}
	decoder := strict(t)
	documents := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text)))
	for {
		document := make([]byte, 1<<20)
		n, err := documents.Read(document)
		if errors.Is(err, io.EOF) {
			return m
		}
		must(t, err)
		object, _, err := decoder.Decode(document[:n], nil, nil)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, document[:n])
		}
		m.add(t, object)
	}
}

func (m *manifest) add(t *testing.T, object runtime.Object) {
	t.Helper()
	switch o := object.(type) {
	case *corev1.ConfigMap:
		m.config = *o
	case *corev1.Service:
		m.service = *o
	case *appsv1.Deployment:
		m.deployment = o
	case *appsv1.DaemonSet:
		m.daemonSet = o
	case *policyv1.PodDisruptionBudget:
		m.budget = o
	case *networkingv1.NetworkPolicy:
		m.policy = *o
	case *monitoring.PodMonitor:
		m.monitor = o
	case *autoscalingv2.HorizontalPodAutoscaler:
		m.autoscaler = o
	default:
		t.Errorf("%s: the check does not know what a %T is for", m.name, object)
	}
}

// pods is what the pods are made of.
func (m *manifest) pods() corev1.PodTemplateSpec {
	if m.deployment != nil {
		return m.deployment.Spec.Template
	}
	return m.daemonSet.Spec.Template
}

// each runs a check of every kustomization.
func each(t *testing.T, check func(*testing.T, manifest)) {
	t.Parallel()
	for _, name := range kustomizations {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			check(t, build(t, name))
		})
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	return string(text)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A field that no type has is found.
func TestStrict(t *testing.T) {
	t.Parallel()
	const service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: "
	for text, ok := range map[string]bool{
		service + "{ports: [{port: 1}]}":                   true,
		service + "{port: 1}":                              false,
		service + "{clusterIP: None}\nspec: {ports: []}":   false,
		"apiVersion: v1\nkind: Deployment\nmetadata: {}\n": false, // of apps/v1
	} {
		if _, _, err := strict(t).Decode([]byte(text), nil, nil); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Every kustomization there is, is checked.
func TestKustomizations(t *testing.T) {
	t.Parallel()
	overlays, err := filepath.Glob(filepath.Join(folder, "overlays/*"))
	must(t, err)
	if len(overlays)+1 != len(kustomizations) {
		t.Errorf("overlays %v, checked are %v", overlays, kustomizations)
	}
}
