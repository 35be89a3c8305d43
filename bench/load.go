//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
)

// A loadResult is the line that reference/load.c prints at its end.
type loadResult struct {
	Operations uint64  `json:"operations"` // messages answered, or connections gone through
	Bytes      uint64  `json:"bytes"`      // that came back
	Seconds    float64 `json:"seconds"`
	Latency    struct {
		P50 float64 `json:"p50"`
		P99 float64 `json:"p99"`
	} `json:"latency_us"`
}

// runLoad runs the load to its end. Each time it is ready it calls atReady, and goes on when that returns; so it does with
// atResult when it is done, and has not yet closed its connections. An error of the load is what it said.
func runLoad(ctx context.Context, l launch, atReady, atResult func() error) (loadResult, error) {
	cmd := command(l)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return loadResult{}, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return loadResult{}, err
	}
	var complaint strings.Builder
	cmd.Stderr = &complaint
	if err := cmd.Start(); err != nil {
		return loadResult{}, err
	}
	// Not yet waited for, so that the number is still its own.
	stopKilling := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
	defer stopKilling()

	result, followErr := follow(stdout, stdin, atReady, atResult)
	if followErr != nil {
		_ = cmd.Process.Kill() // It may have ended: that may be the error.
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return loadResult{}, context.Cause(ctx)
	case complaint.Len() > 0:
		return loadResult{}, errors.New(strings.TrimSpace(complaint.String()))
	case followErr != nil:
		return loadResult{}, followErr
	case err != nil:
		return loadResult{}, fmt.Errorf("load: %w", err)
	}
	return result, nil
}

// follow reads what the load prints, and lets it go on once atReady, and at the end atResult, has returned.
func follow(from io.Reader, to io.Writer, atReady, atResult func() error) (loadResult, error) {
	letGo := func(first func() error) error {
		if err := first(); err != nil {
			return err
		}
		if _, err := io.WriteString(to, "go\n"); err != nil {
			return fmt.Errorf("load: %w", err)
		}
		return nil
	}
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if lines.Text() == "ready" {
			if err := letGo(atReady); err != nil {
				return loadResult{}, err
			}
			continue
		}
		var result loadResult
		if err := json.Unmarshal(lines.Bytes(), &result); err != nil {
			return loadResult{}, fmt.Errorf("load printed %q: %w", lines.Text(), err)
		}
		return result, letGo(atResult)
	}
	if err := lines.Err(); err != nil {
		return loadResult{}, fmt.Errorf("load: %w", err)
	}
	return loadResult{}, errors.New("load ended without a result")
}
