//go:build !linux

package server

// sendQueue returns 0: on this system only what it takes is a sign of a peer that goes on.
func (s *stream) sendQueue() int { return 0 }

// queued is false: this system does not say how much it holds for a peer.
func (s *stream) queued() (int, bool) { return 0, false }

// gone is false: the next write will tell.
func (s *stream) gone() bool { return false }
