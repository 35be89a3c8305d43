//go:build unix

package daemontest

import (
	"fmt"
	"os"
	"os/exec"
)

// Build compiles parley to a file, as it is released, or with the race detector; flags are further ones of go build.
func Build(file string, race bool, flags ...string) error {
	args := append([]string{"build", "-trimpath", "-o", file}, flags...)
	cgo := "CGO_ENABLED=0"
	if race {
		args = append(args, "-race")
		cgo = "CGO_ENABLED=1"
	}
	cmd := exec.Command("go", append(args, "parley/cmd/parley")...)
	cmd.Env = append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}
