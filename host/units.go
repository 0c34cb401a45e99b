package host

import "context"

// Unit implements [UnitReader].
func (l *Local) Unit(ctx context.Context, name string) (Unit, error) { return Unit{}, ErrNoSystemd }

// UnitLog implements [UnitReader].
func (l *Local) UnitLog(ctx context.Context, name string, lines int) (string, error) {
	return "", ErrNoSystemd
}

// DoUnit implements [UnitWriter].
func (l *Local) DoUnit(ctx context.Context, name string, v Verb) error { return ErrNoSystemd }

// DaemonReload implements [UnitWriter].
func (l *Local) DaemonReload(ctx context.Context) error { return ErrNoSystemd }
