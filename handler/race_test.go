//go:build race

package handler_test

// raceDetector says that everything takes several times as long.
const (
	raceDetector = true
	raceFactor   = 1
)
