// Package compose_test checks deploy/compose by the library that docker compose is made of, and that the files which its services
// read name one another as compose.yaml has them.
package compose_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"

	"parley/deploy/checks/internal/parley"
)

func TestMain(m *testing.M) { os.Exit(parley.Main(m)) }

const deploy = "../.."

func load(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(deploy, "compose/compose.yaml")})
	must(t, err)
	project, err := options.LoadProject(t.Context())
	must(t, err)
	return project
}

// The file is valid, and all that it mounts and builds is there.
func TestCompose(t *testing.T) {
	t.Parallel()
	project := load(t)
	if got, want := project.ServiceNames(), []string{"grafana", "parley", "prometheus"}; !slices.Equal(got, want) {
		t.Errorf("services %v, want %v", got, want)
	}
	for name, service := range project.Services {
		for _, v := range service.Volumes {
			if _, err := os.Stat(v.Source); v.Type == types.VolumeTypeBind && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if service.Build == nil {
			if _, tag, ok := strings.Cut(service.Image, ":"); !ok || tag == "latest" {
				t.Errorf("%s: the image %s has no version", name, service.Image)
			}
		} else if _, err := os.Stat(filepath.Join(service.Build.Context, "Dockerfile")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(service.CapDrop, []string{"ALL"}) || !slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: capabilities dropped %v, security options %v", name, service.CapDrop, service.SecurityOpt)
		}
		for _, p := range service.Ports {
			if name != "parley" && p.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is published on %q", name, p.Published, p.HostIP)
			}
		}
	}
}

// The files of Prometheus and Grafana name services and folders as compose.yaml has them.
func TestNames(t *testing.T) {
	t.Parallel()
	project := load(t)
	mounted := func(service, target string) string {
		t.Helper()
		for _, v := range project.Services[service].Volumes {
			if v.Target == target {
				return v.Source
			}
		}
		t.Fatalf("%s has nothing mounted at %s", service, target)
		return ""
	}

	var prometheus struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName string                       `yaml:"job_name"`
			Static  []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	read(t, mounted("prometheus", "/etc/prometheus/prometheus.yml"), &prometheus)
	for _, file := range prometheus.RuleFiles {
		mounted("prometheus", "/etc/prometheus/"+file)
	}
	scraped := ""
	for _, c := range prometheus.ScrapeConfigs {
		if c.JobName == "parley" {
			scraped = c.Static[0].Targets[0]
		}
	}
	host, port, _ := strings.Cut(scraped, ":")
	ports := project.Services[host].Ports
	if !slices.ContainsFunc(ports, func(p types.ServicePortConfig) bool { return p.Published == port }) {
		t.Errorf("Prometheus scrapes %s, and the service has %v", scraped, ports)
	}

	var sources struct {
		Datasources []struct {
			URL      string
			JSONData struct {
				TimeInterval string `yaml:"timeInterval"`
			} `yaml:"jsonData"`
		}
	}
	provisioning := mounted("grafana", "/etc/grafana/provisioning")
	read(t, filepath.Join(provisioning, "datasources/prometheus.yml"), &sources)
	source, err := url.Parse(sources.Datasources[0].URL)
	must(t, err)
	if _, ok := project.Services[source.Hostname()]; !ok || source.Port() != "9090" {
		t.Errorf("Grafana asks %s", source)
	}

	var providers struct {
		Providers []struct{ Options struct{ Path string } }
	}
	read(t, filepath.Join(provisioning, "dashboards/parley.yml"), &providers)
	folder := mounted("grafana", providers.Providers[0].Options.Path)
	home := project.Services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if _, err := os.Stat(filepath.Join(folder, filepath.Base(*home))); err != nil || filepath.Dir(*home) != providers.Providers[0].Options.Path {
		t.Errorf("Grafana's first page is %s: %v", *home, err)
	}
}

// The daemon has every variable that it is given.
func TestVariables(t *testing.T) {
	t.Parallel()
	there := parley.Run(t, exec.Command(parley.Binary, "env"))
	given := load(t).Services["parley"].Environment
	if len(given) == 0 {
		t.Error("no variable found")
	}
	for name := range given {
		if !strings.Contains(there, "\n"+name+" ") {
			t.Errorf("there is no variable %s", name)
		}
	}
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	must(t, yaml.Unmarshal(text, into))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
