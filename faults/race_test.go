//go:build system && linux && race

package faults_test

// raceDetector says whether the tests, and so the daemon, are built with the race detector, which makes both slow and large: speed
// and memory are then measured and not judged.
const raceDetector = true
