package client

var (
	Alternate = alternate
	Recognise = recognise
)
