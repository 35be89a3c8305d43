package main

import (
	"maps"
	"slices"
	"strings"

	"parley/config"
	"parley/handler"
	"parley/protocol"
)

// catalog tells config which handlers and wires there are.
func catalog() config.Catalog {
	c := config.Catalog{Handlers: make(map[string]config.Handler), Wires: make(map[string]config.Wire)}
	for name, kind := range handler.Kinds {
		c.Handlers[name] = config.Handler{
			Options: kind.Options,
			Wires:   kind.Wires,
			Check: func(options map[string][]string) error {
				_, err := kind.New(options)
				return err
			},
		}
	}
	for name := range protocol.Wires {
		c.Wires[name] = config.Wire{GreetingDefault: name != protocol.RawName}
	}
	return c
}

func handlerNames() string {
	return strings.Join(slices.Sorted(maps.Keys(handler.Kinds)), ", ")
}
