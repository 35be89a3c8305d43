package handler

import "time"

var daytimeKind = Kind{
	Summary: "says the date and the time, and closes (RFC 867)",
	New:     func(Options) (Handler, error) { return daytime{}, nil },
}

// daytimeFormat is that of the example in RFC 867.
const daytimeFormat = "Monday, January 2, 2006 15:04:05-MST"

// daytime is the service of RFC 867. It does not wait to be asked.
type daytime struct{}

func (daytime) Serve(s Session) error { return s.Reply(time.Now().Format(daytimeFormat)) }
