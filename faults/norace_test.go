//go:build system && linux && !race

package faults_test

const raceDetector = false
