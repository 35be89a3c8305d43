//go:build linux && engine

package main_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestREADMEImage runs README's blocks about the container. Nothing runs it by itself, because CI has no container engine:
// whoever changes the Dockerfile or those blocks runs
//
//	go test -tags engine -run TestREADMEImage ./cmd/parley
//
// on a Linux machine with docker, where golang:1.26 can be had and ports 12000 and 12001 are free. There must be no
// container called parley, and the image of that name is replaced. Builder and container get the machine's own network,
// so that it also runs where there is no bridge; that -p publishes is not tested.
func TestREADMEImage(t *testing.T) {
	docker, err := exec.LookPath("docker")
	if err != nil {
		t.Fatal(err)
	}
	lab := newReadmeLab(t)
	lab.within = nil
	lab.patience = 20 * time.Minute // everything is compiled
	if found := lab.run("docker ps --all --quiet --filter name=^parley$"); found != "" {
		t.Fatalf("there is a container called parley: %s", found)
	}
	shim := filepath.Join(lab.folder, "docker")
	lab.save(shim, fmt.Sprintf("#!/bin/sh\ncase $1 in build|run) c=$1; shift; exec %s $c --network host \"$@\";; esac\nexec %s \"$@\"\n", docker, docker))
	lab.run("chmod +x " + shim)
	lab.env = append(lab.env, "PATH="+lab.folder+":"+lab.run("printf %s \"$PATH\""))
	t.Cleanup(func() { _ = exec.Command(docker, "rm", "--force", "parley").Run() })
	blocks := 0
	for _, b := range readmeBlocks(t, "README.md") {
		if b.kind == "console" && b.arg == "docker" {
			lab.console(b)
			blocks++
		}
	}
	if blocks == 0 {
		t.Error("README says nothing about the container")
	}
}
