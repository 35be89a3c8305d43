package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/config"
)

func TestLoadWarnings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		environ []string
		want    []string
	}{
		{
			"not ours",
			[]string{"PARLE_X=1", "parley_listen=1", "PARLEYX=1", "PARLEY_WITHOUT_VALUE", "=x", "PARLEY=1"},
			nil,
		},
		{
			"misspelled",
			[]string{"PARLEY_LISTENER=secret", "PARLEY_idle_timeout=5", "PARLEY_MAXCONNS=5"},
			[]string{
				"PARLEY_LISTENER is not a variable of parley; did you mean PARLEY_LISTEN?",
				"PARLEY_MAXCONNS is not a variable of parley; did you mean PARLEY_MAX_CONNS?",
				"PARLEY_idle_timeout is not a variable of parley; did you mean PARLEY_IDLE_TIMEOUT?",
			},
		},
		{
			"unlike any, and set by hand",
			[]string{"PARLEY_COLOUR_SCHEME=dark", "PARLEY_PORT=12000", "PARLEY_=", "PARLEY_X\x1b[2J=1"},
			[]string{
				`PARLEY_ is not a variable of parley; "parley env" lists them`,
				`PARLEY_COLOUR_SCHEME is not a variable of parley; "parley env" lists them`,
				`PARLEY_PORT is not a variable of parley; "parley env" lists them`,
				`PARLEY_X\x1b[2J is not a variable of parley; "parley env" lists them`,
			},
		},
		{
			"the links of two Kubernetes services",
			[]string{
				"PARLEY_ADMIN_PORT=tcp://10.0.0.2:80",
				"PARLEY_ADMIN_SERVICE_HOST=10.0.0.2",
				"PARLEY_PORT=tcp://10.0.0.1:12000",
				"PARLEY_PORT_12000_TCP=tcp://10.0.0.1:12000",
				"PARLEY_PORT_12000_TCP_ADDR=10.0.0.1",
				"PARLEY_SERVICE_HOST=10.0.0.1",
				"PARLEY_SERVICE_PORT=12000",
				"PARLEY_SERVICE_PORT_ECHO=12000",
				"PARLEY_LISTENER=x",
			},
			[]string{
				"PARLEY_LISTENER is not a variable of parley; did you mean PARLEY_LISTEN?",
				"PARLEY_ADMIN_PORT and the like (8 variables) come from a Kubernetes service named parley or parley-admin and mean nothing here; enableServiceLinks: false in the pod's spec leaves them out",
			},
		},
	}
	for _, test := range tests {
		_, _, got, err := config.Load(test.environ, nil, catalog)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestLoadWarningsWithFaults: the misspelled variable may be why there is a fault.
func TestLoadWarningsWithFaults(t *testing.T) {
	t.Parallel()
	_, _, warnings, err := config.Load([]string{"PARLEY_ADMINS=x", "PARLEY_ADMIN=x"}, nil, catalog)
	if err == nil || len(warnings) != 1 {
		t.Errorf("Load: warnings %q, error %v; want one of each", warnings, err)
	}
}
