package main

import (
	"fmt"

	"go.uber.org/zap"

	"parley/handler"
)

// room returns the chat that the operator is to be in, and its listener.
func (d *daemon) room() (room *handler.Chat, at serving, err error) {
	found := 0
	for _, s := range d.serving {
		if chat, ok := s.handler.(*handler.Chat); ok {
			room, at = chat, s
			found++
		}
	}
	if found != 1 {
		return nil, serving{}, errNoRoom
	}
	return room, at, nil
}

// converse has the operator in the room until the end of the keyboard's input, which is not that of the daemon.
func (d *daemon) converse(room *handler.Chat, at serving) {
	out := d.screen
	_, _ = fmt.Fprintf(out, "chat on %s, to be joined with %s; EXIT ends the conversation, Ctrl-C the server\n", at.addresses(), at.try())
	if err := room.Console(d.keyboard, out); err != nil {
		d.log.Error("the operator has left the chat, and the server goes on", zap.Error(err))
		return
	}
	_, _ = fmt.Fprintln(out, "end of input: the operator has left the chat, and the server goes on")
}
