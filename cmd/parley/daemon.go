package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"parley/admin"
	"parley/cmd/parley/internal/certs"
	"parley/cmd/parley/internal/logging"
	"parley/config"
	"parley/handler"
	"parley/protocol"
	"parley/server"
)

// A daemon is everything that serve has opened.
type daemon struct {
	cfg      config.Config
	log      *zap.Logger
	srv      *server.Server
	admin    *admin.Server  // nil: none
	adminAt  []net.Listener // empty: no admin side
	serving  []serving
	keyboard io.Reader // the operator's; nil: no console
	screen   io.Writer // beside it
	ready    atomic.Bool
	failures chan error // from the goroutines that accept

	manager    *notifier // nil: no service manager is to be told
	handover   *handover // sockets from the service manager that nobody has yet
	handedOver bool      // there were some
}

// serving is a listener with its open sockets.
type serving struct {
	config   config.Listener
	handler  handler.Handler
	listener *server.Listener
	certs    *certs.Source // nil: no TLS
	sockets  []net.Listener
	handed   int // how many of the sockets were handed over by the service manager
}

// loweredMessage says that MaxConns is not what was configured.
const loweredMessage = "PARLEY_MAX_CONNS lowered: the process may not open that many files (ulimit -n)"

// logTimeout bounds how long the end of the program waits for a log that nobody reads.
const logTimeout = time.Second

// serve runs the daemon until a signal, a handler that has finished, or a failure ends it.
func (d *daemon) serve(listeners []config.Listener, warnings []string, stdout *os.File, signals <-chan os.Signal) error {
	options := logging.Detect(stdout, os.Getenv)
	options.Format, options.Level = logging.Format(d.cfg.LogFormat), d.cfg.LogLevel
	logs, err := logging.New(options)
	if err != nil {
		return runError(err)
	}
	defer func() { _ = logs.Close(logTimeout) }() // A log that nobody reads must not keep the program.
	d.log = logs.Logger()
	for _, w := range warnings {
		d.log.Warn(w)
	}

	if d.manager, err = newNotifier(); err != nil {
		d.log.Warn("no service manager is told how the daemon is", zap.Error(err))
	}
	if lowered := connsFor(d.cfg.MaxConns); lowered != d.cfg.MaxConns {
		if d.cfg.MaxConns != 0 {
			d.log.Warn(loweredMessage,
				zap.Int64("wanted", d.cfg.MaxConns), zap.Int64("lowered_to", lowered))
		}
		d.cfg.MaxConns = lowered
	}
	if err := d.open(listeners); err != nil {
		d.closeSockets()
		return err
	}
	operator := func() {} // nobody
	if d.keyboard != nil {
		room, at, err := d.room()
		if err != nil {
			d.closeSockets()
			return statusError{exitUsage, err}
		}
		d.screen = stdout
		operator = func() { d.converse(room, at) }
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(d.srv, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(), droppedLines(logs))
	for _, c := range certificateExpiries(d.serving) {
		registry.MustRegister(c)
	}
	d.openAdmin(registry)
	d.start()
	go operator()
	d.tell(sd.SdNotifyReady, status("serving "+strings.Join(d.labels(), ", ")))
	ended := make(chan struct{})
	defer close(ended)
	d.watchCertificates(ended)
	go d.manager.watch(func() { d.srv.Alive(); logs.Dropped() }, ended)
	return d.run(signals)
}

// open makes the server and opens every socket, so that a port that is taken is known before the first client is served.
func (d *daemon) open(listeners []config.Listener) error {
	d.srv = server.New(server.Config{
		Log:           d.log,
		LogMessages:   d.cfg.LogMessages,
		LogRate:       int(d.cfg.LogRate),
		Name:          d.cfg.Name,
		MaxConns:      int(d.cfg.MaxConns),
		MaxConnsPerIP: int(d.cfg.MaxConnsPerIP),
		AcceptRate:    d.cfg.AcceptRate,
		RosterClosed:  int(d.cfg.RosterClosed),
		Portable:      d.cfg.Transport == config.TransportPortable,
	})
	var err error
	if d.handover, err = takeOver(openFiles()); err != nil {
		return runError(err)
	}
	d.handedOver = len(d.handover.sockets) > 0
	d.handover.claim(listeners, d.cfg.Admin != "")
	ctx, cancel := context.WithTimeout(context.Background(), listenTimeout)
	defer cancel()
	sources := make(certificates)
	for _, l := range listeners {
		h, err := handler.Kinds[l.Handler].New(l.Options)
		if err != nil {
			return statusError{exitUsage, fmt.Errorf("%s: %w", l, err)}
		}
		cert, err := sources.of(l, d.log)
		if err != nil {
			return statusError{exitUsage, fmt.Errorf("listener %s: %w", l, err)}
		}
		s := serving{config: l, handler: h, certs: cert, listener: d.srv.NewListener(server.ListenerConfig{
			Label:       l.Label,
			HandlerName: l.Handler,
			Handler:     h,
			Wire:        protocol.Wires[l.Wire],
			WireName:    l.Wire,
			Greeting:    l.Greeting,
			Flush:       l.Flush,
			Limits:      limits(l),
			TLS:         sources.config(cert),
			Proxied:     l.ProxyProtocol,
			Proxies:     l.ProxyTrusted,
			Faults:      faults(l),
		})}
		s.sockets, s.handed, err = d.sockets(ctx, "listener "+l.String(), l.Network, l.FD, l.Addresses())
		d.serving = append(d.serving, s)
		if err != nil {
			return runError(err)
		}
	}
	if d.cfg.Admin != "" {
		if err := checkAdmin(d.cfg); err != nil {
			return statusError{exitUsage, err}
		}
		if err := d.openAdminSockets(ctx); err != nil {
			return runError(err)
		}
	}
	return runError(d.handover.rest())
}

// openAdminSockets opens the admin side's sockets, or takes over those that are called so or have its address.
func (d *daemon) openAdminSockets(ctx context.Context) (err error) {
	name := ""
	if d.handover.has(adminFDName) {
		name = adminFDName
	}
	d.adminAt, _, err = d.sockets(ctx, adminSide, "tcp", name, []string{d.cfg.Admin})
	return err
}

// limits are those of one listener. Caps that it has of its own are beside the process's, which the server has already.
func limits(l config.Listener) server.Limits {
	own := server.Limits{
		Allow:            l.Allow,
		Deny:             l.Deny,
		MaxMessage:       int(l.MaxMessage),
		HandshakeTimeout: l.HandshakeTimeout,
		MessageTimeout:   l.MessageTimeout,
		IdleTimeout:      l.IdleTimeout,
		WriteTimeout:     l.WriteTimeout,
		MaxLifetime:      l.MaxLifetime,
		SendBuffer:       int(l.SendBuffer),
		ReceiveBuffer:    int(l.ReceiveBuffer),
	}
	if _, ok := l.Own["max_conns"]; ok {
		own.MaxConns = int(l.MaxConns)
	}
	if _, ok := l.Own["max_conns_per_ip"]; ok {
		own.MaxConnsPerIP = int(l.MaxConnsPerIP)
	}
	if _, ok := l.Own["accept_rate"]; ok {
		own.AcceptRate = l.AcceptRate
	}
	return own
}

// faults are how the listener's connections are to misbehave; zero where none of them is to.
func faults(l config.Listener) server.Faults {
	if l.FaultP == 0 {
		return server.Faults{}
	}
	return server.Faults{
		Delay:          l.Delay,
		Jitter:         l.Jitter,
		Rate:           int64(l.Rate),
		Chop:           int64(l.Chop),
		Stall:          l.Stall,
		Corrupt:        float64(l.Corrupt),
		HalfCloseAfter: int64(l.HalfCloseAfter),
		ResetAfter:     int64(l.ResetAfter),
		CloseAfter:     l.CloseAfter,
		Share:          float64(l.FaultP),
		Seed:           uint64(l.Seed),
	}
}

func (d *daemon) closeSockets() {
	for _, s := range d.serving {
		for _, socket := range s.sockets {
			_ = socket.Close()
		}
	}
	for _, socket := range d.adminAt {
		_ = socket.Close()
	}
}

// openAdmin makes the admin side, if there is to be one.
func (d *daemon) openAdmin(gatherer prometheus.Gatherer) {
	if len(d.adminAt) == 0 {
		return
	}
	options := admin.Options{
		Gatherer: gatherer,
		Ready:    d.ready.Load,
		Pprof:    d.cfg.AdminPprof,
		Log:      d.log,
		Version:  thisBuild().version,
		Roster:   d.srv.Roster(),
		Name:     d.cfg.Name,

		Hosts:     d.cfg.AdminHosts,
		WebConfig: d.cfg.AdminWebConfig,
	}
	if host, err := os.Hostname(); err == nil {
		options.Hosts = append(slices.Clip(options.Hosts), namesOf(host)...)
	}
	for _, reason := range server.Reasons() {
		options.Reasons = append(options.Reasons, reason.String())
	}
	for _, s := range d.serving {
		options.Listeners = append(options.Listeners, s.shown())
	}
	d.admin = admin.New(options)
}

// start begins to accept and says what listens where.
func (d *daemon) start() {
	for _, s := range d.serving {
		for _, socket := range s.sockets {
			go d.accept(s.config.Label, func() error { return s.listener.Serve(socket) })
		}
		d.log.Info("listening", s.fields()...)
	}
	for _, socket := range d.adminAt {
		go d.accept("PARLEY_ADMIN", func() error { return d.admin.Serve(socket) })
	}
	if d.admin != nil {
		how := zap.String("try", "curl http://"+reachable(d.adminAt[0], d.cfg.Admin)+"/metrics")
		if d.cfg.AdminWebConfig != "" { // Which says with which scheme, and for whom.
			how = zap.String("web_config", d.cfg.AdminWebConfig)
		}
		d.log.Info("admin listening", zap.String("address", addresses(d.adminAt)), how)
	}
	d.ready.Store(true)
}

// accept runs one accept loop. One that ends by itself is a failure of the daemon.
func (d *daemon) accept(what string, serve func() error) {
	err := serve()
	if errors.Is(err, server.ErrServerClosed) || errors.Is(err, http.ErrServerClosed) {
		return
	}
	select {
	case d.failures <- fmt.Errorf("%s: %w", what, err):
	default:
	}
}

// run waits for the end and drains.
func (d *daemon) run(signals <-chan os.Signal) error {
	var failure error
	delay := d.cfg.DrainDelay
	select {
	case sig := <-signals:
		d.log.Info("stopping", zap.Stringer("signal", sig), zap.Duration("drain_delay", delay), zap.Duration("drain_timeout", d.cfg.DrainTimeout))
	case finished := <-d.srv.Finished():
		for _, line := range finished.Report {
			d.log.Info(line)
		}
		delay = 0
	case failure = <-d.failures:
		d.log.Error("stopping after a failure", zap.Error(failure))
		delay = 0
	}
	d.ready.Store(false)
	d.tell(sd.SdNotifyStopping, extend(delay+d.cfg.DrainTimeout+endTimeout), status("draining"))

	began := time.Now()
	outcome := make(chan server.Outcome, 1)
	go func() { outcome <- d.drain(delay) }()
	select {
	case out := <-outcome:
		took := time.Since(began)
		d.log.Info("stopped", zap.Int("drained", out.Drained), zap.Int("cut", out.Cut), zap.Duration("took", took))
		if d.keyboard != nil && !d.log.Core().Enabled(zapcore.InfoLevel) { // The operator is to see it, and nothing is wrong.
			_, _ = fmt.Fprintf(d.screen, "stopped: drained=%d cut=%d took=%.0fms\n", out.Drained, out.Cut, took.Seconds()*1e3)
		}
	case <-signals:
		d.log.Warn("stopped at once: a second signal came")
		return statusError{exitRun, errors.New("stopped by a second signal before all connections were drained")}
	}
	return runError(failure)
}

// drain ends the service. The admin side outlives it, so that the drain can be watched.
func (d *daemon) drain(delay time.Duration) server.Outcome {
	time.Sleep(delay)
	ctx, cancel := context.WithTimeout(context.Background(), d.cfg.DrainTimeout)
	defer cancel()
	out := d.srv.Shutdown(ctx)
	if d.admin != nil {
		ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
		defer cancel()
		_ = d.admin.Shutdown(ctx) // Whoever reads too slowly is cut.
	}
	return out
}

// labels are what the listeners are called.
func (d *daemon) labels() []string {
	labels := make([]string, len(d.serving))
	for i, s := range d.serving {
		labels[i] = s.config.Label
	}
	return labels
}

// tell tells the service manager, if there is one, how the daemon is.
func (d *daemon) tell(states ...string) {
	if err := d.manager.notify(states...); err != nil {
		d.log.Warn("the service manager does not know how the daemon is", zap.Error(err))
	}
}

// endTimeout is how long the end may take beyond the drain: for who was cut, the admin side and the log, a second each, and
// as much again.
const endTimeout = 6 * time.Second

// adminTimeout bounds how long the end waits for an answer on the admin side.
const adminTimeout = time.Second
