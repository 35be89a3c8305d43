package config

import (
	"errors"
	"fmt"
	"time"

	"github.com/caarlos0/env/v10"
)

// Faults are how the connections of a listener misbehave, each a key that stands on a listener only. Zero is none.
type Faults struct {
	Delay          time.Duration `env:"delay" envDefault:"0s" doc:"what is sent arrives that much later, up to 64 KiB at a time"`
	Jitter         time.Duration `env:"jitter" envDefault:"0s" doc:"the delay differs by up to that much either way, from write to write; the order stays"`
	Rate           Bytes         `env:"rate" envDefault:"0" doc:"what is sent a second, at most"`
	Chop           Bytes         `env:"chop" envDefault:"0" doc:"what is sent at a time, in a segment of its own, a millisecond after the one before"`
	Stall          time.Duration `env:"stall" envDefault:"0s" doc:"nothing is said or read for that long at first, then all is as usual"`
	Corrupt        Percent       `env:"corrupt" envDefault:"0%" doc:"the share of the bytes sent that get another value"`
	HalfCloseAfter Bytes         `env:"half_close_after" envDefault:"0" doc:"our side ends when so much was sent, and what the client sends is still read"`
	ResetAfter     Bytes         `env:"reset_after" envDefault:"0" doc:"the connection is reset when the client has got so much"`
	CloseAfter     time.Duration `env:"close_after" envDefault:"0s" doc:"the connection is closed when it has lasted so long"`

	// FaultP is 0 where no connection is to get a fault, though some are named.
	FaultP Percent `env:"fault_p" envDefault:"100%" doc:"the share of the connections that get these faults"`
	Seed   int64   `env:"seed" envDefault:"0" doc:"the same number gives the n-th connection of a listener the same faults and the same wrong bytes; 0: a new one at each start, which the log tells"`
}

// settle returns what does not go together; see Config.settle.
func (f *Faults) settle() (faults []error) {
	if f.Jitter > f.Delay {
		err := fmt.Errorf("jitter is at most the delay, which is %v", f.Delay)
		faults = append(faults, env.ParseError{Name: "Jitter", Err: err})
	}
	if !f.any() {
		err := errors.New("it is for a listener with a fault, and there is none; valid: delay, rate, chop, stall, corrupt, half_close_after, reset_after, close_after")
		faults = append(faults, env.ParseError{Name: "FaultP", Err: err}, env.ParseError{Name: "Seed", Err: err})
	}
	return faults
}

// any reports whether there is a fault to be had.
func (f *Faults) any() bool {
	none := Faults{Jitter: f.Jitter, FaultP: f.FaultP, Seed: f.Seed}
	return *f != none
}
