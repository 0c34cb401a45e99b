// Package systemd speaks with systemd over D-Bus: with the system bus or, where there is none, with systemd's own socket.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

const (
	systemBus = "unix:path=/run/dbus/system_bus_socket"
	ownSocket = "unix:path=/run/systemd/private"

	connectTimeout = 10 * time.Second
	silence        = 3 * time.Second // after which the next address is asked; there are two connections to make within connectTimeout
	cancelTimeout  = 5 * time.Second
	lostCheck      = time.Second
)

// ErrLost is the error for a connection that ended while a job was waited for.
var ErrLost = errors.New("the connection to systemd was lost")

// Manager is systemd. It connects when it is first asked, and again after a connection was lost.
type Manager struct {
	addresses []string
	mu        sync.Mutex
	conn      *sd.Conn
	cancel    context.CancelFunc
}

// New returns the systemd of this machine.
func New() *Manager { return &Manager{addresses: []string{systemBus, ownSocket}} }

// At returns the systemd that is on the first bus of these addresses that answers.
func At(addresses ...string) *Manager { return &Manager{addresses: addresses} }

// Close ends the connection.
func (m *Manager) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop()
}

func (m *Manager) drop() {
	if m.conn != nil {
		m.conn.Close()
		m.cancel()
		m.conn = nil
	}
}

// connected returns the connection that all share. Its life is not that of ctx.
func (m *Manager) connected(ctx context.Context) (*sd.Conn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn != nil && m.conn.Connected() {
		return m.conn, nil
	}
	m.drop()
	life, cancel := context.WithCancel(context.Background())
	conn, err := guarded(ctx, cancel, func() (*sd.Conn, error) {
		return sd.NewConnection(func() (*dbus.Conn, error) { return m.dial(life) })
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("connect to systemd: %w", err)
	}
	m.conn, m.cancel = conn, cancel
	return conn, nil
}

// guarded calls connect, whose handshake knows no deadline, and cancels its life when ctx ends before it is through.
func guarded[C any](ctx context.Context, cancel context.CancelFunc, connect func() (C, error)) (C, error) {
	ctx, done := context.WithTimeoutCause(ctx, connectTimeout, fmt.Errorf("timed out after %s", connectTimeout))
	defer done()
	stop := context.AfterFunc(ctx, cancel)
	conn, err := connect()
	if !stop() {
		return conn, errors.Join(context.Cause(ctx), err)
	}
	return conn, err
}

func (m *Manager) dial(life context.Context) (*dbus.Conn, error) {
	var all []error
	for _, a := range m.addresses {
		conn, err := dial(life, a)
		if err == nil {
			return conn, nil
		}
		all = append(all, fmt.Errorf("%s: %w", strings.TrimPrefix(a, "unix:path="), err))
	}
	return nil, errors.Join(all...)
}

// dial gives up on who takes the connection and is silent then, as a bus whose daemon hangs.
func dial(life context.Context, address string) (*dbus.Conn, error) {
	life, cancel := context.WithCancel(life)
	silent := time.AfterFunc(silence, cancel)
	conn, err := greet(life, address)
	if !silent.Stop() {
		return nil, fmt.Errorf("no answer within %s", silence)
	}
	return conn, err
}

func greet(life context.Context, address string) (*dbus.Conn, error) {
	conn, err := dbus.Dial(address, dbus.WithContext(life))
	if err != nil {
		return nil, err
	}
	err = conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))})
	if err == nil && address != ownSocket { // which is no bus
		err = conn.Hello()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// Properties returns the properties of a unit: those that all units have, with those of its type (service, socket, ...) put among them.
func (m *Manager) Properties(ctx context.Context, unit string) (map[string]any, error) {
	conn, err := m.connected(ctx)
	if err != nil {
		return nil, err
	}
	all, err := conn.GetUnitPropertiesContext(ctx, unit)
	if err != nil {
		return nil, caused(ctx, err)
	}
	kind := strings.TrimPrefix(path.Ext(unit), ".")
	switch kind {
	case "service", "socket", "mount", "automount", "swap", "timer", "path", "scope":
	default:
		return all, nil
	}
	own, err := conn.GetUnitTypePropertiesContext(ctx, unit, strings.ToUpper(kind[:1])+kind[1:])
	if err != nil {
		return nil, caused(ctx, err)
	}
	maps.Copy(all, own)
	return all, nil
}

// Job does verb, one of systemctl's that makes a job, and returns the job's result: "done", "failed", "timeout", "dependency", "canceled",
// "skipped". A job that is not at its end when ctx is is cancelled.
func (m *Manager) Job(ctx context.Context, verb, unit string) (string, error) {
	conn, err := m.connected(ctx)
	if err != nil {
		return "", err
	}
	start := map[string]func(context.Context, string, string, chan<- string) (int, error){
		"start": conn.StartUnitContext, "stop": conn.StopUnitContext, "restart": conn.RestartUnitContext,
		"reload": conn.ReloadUnitContext, "reload-or-restart": conn.ReloadOrRestartUnitContext,
	}[verb]
	if start == nil {
		return "", fmt.Errorf("%q makes no job", verb)
	}
	// The library sends the result while it holds the lock of all jobs (go-systemd issue 429): nobody must have to be there to receive it.
	result := make(chan string, 1)
	call, done := outliving(ctx) // a job whose id we never learn could not be cancelled
	defer done()
	id, err := start(call, unit, "replace", result)
	switch {
	case err != nil && ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil && !conn.Connected():
		return "", fmt.Errorf("%w: %w", ErrLost, err)
	case err != nil:
		return "", err
	}
	lost := time.NewTicker(lostCheck)
	defer lost.Stop()
	for {
		select {
		case r := <-result:
			return r, nil
		case <-ctx.Done():
			return "", errors.Join(context.Cause(ctx), m.cancelJob(ctx, id))
		case <-lost.C:
			if !conn.Connected() {
				return "", ErrLost
			}
		}
	}
}

// outliving returns a context that ends cancelTimeout after ctx does.
func outliving(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		late := time.AfterFunc(cancelTimeout, cancel)
		context.AfterFunc(longer, func() { late.Stop() })
	})
	return longer, func() { stop(); cancel() }
}

// cancelJob takes the job back, over a connection of its own: the other one may be what everybody waits for.
func (m *Manager) cancelJob(ctx context.Context, id int) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer done()
	life, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := guarded(ctx, cancel, func() (*dbus.Conn, error) { return m.dial(life) })
	if err != nil {
		return fmt.Errorf("cancel the job: %w", err)
	}
	defer conn.Close()
	manager := conn.Object("org.freedesktop.systemd1", "/org/freedesktop/systemd1")
	err = manager.CallWithContext(ctx, "org.freedesktop.systemd1.Manager.CancelJob", 0, uint32(id)).Err
	var gone dbus.Error
	if err == nil || errors.As(err, &gone) && gone.Name == "org.freedesktop.systemd1.NoSuchJob" {
		return nil
	}
	return fmt.Errorf("cancel the job: %w", err)
}

// SetUnitFile does one of enable, disable, mask, mask-runtime (until the next start of the node) and unmask (both masks), and has systemd read its unit files
// again if that changed any, as systemctl does.
func (m *Manager) SetUnitFile(ctx context.Context, verb, unit string) error {
	conn, err := m.connected(ctx)
	if err != nil {
		return err
	}
	changes, names := 0, []string{unit}
	switch verb {
	case "enable":
		var c []sd.EnableUnitFileChange
		_, c, err = conn.EnableUnitFilesContext(ctx, names, false, false)
		changes = len(c)
	case "disable":
		var c []sd.DisableUnitFileChange
		c, err = conn.DisableUnitFilesContext(ctx, names, false)
		changes = len(c)
	case "mask", "mask-runtime":
		var c []sd.MaskUnitFileChange
		c, err = conn.MaskUnitFilesContext(ctx, names, verb == "mask-runtime", false)
		changes = len(c)
	case "unmask":
		for _, runtime := range []bool{false, true} {
			var c []sd.UnmaskUnitFileChange
			if c, err = conn.UnmaskUnitFilesContext(ctx, names, runtime); err != nil {
				break
			}
			changes += len(c)
		}
	default:
		err = fmt.Errorf("%q is nothing to do to a unit file", verb)
	}
	if err != nil || changes == 0 {
		return caused(ctx, err)
	}
	return m.Reload(ctx)
}

// Reload has systemd read its unit files again.
func (m *Manager) Reload(ctx context.Context) error {
	conn, err := m.connected(ctx)
	if err != nil {
		return err
	}
	return caused(ctx, conn.ReloadContext(ctx))
}

// caused returns what ended ctx in place of the plain error that a call gives then.
func caused(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	return err
}
