package main

var (
	WritePage = writePage
	BarChart  = barChart
	DrawBar   = drawBar
	Bound     = bound
)
