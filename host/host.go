// Package host is the only door to a node's operating system: its files, its commands, its mounts and its service units.
//
// Names are absolute paths as the node sees them. A Host may be rooted at a directory other than "/" (an image, a test's
// temporary directory); names and symbolic links are then resolved inside that directory and never leave it.
//
// Reading and changing are two interfaces: whoever holds a [View] cannot change the node. A plan is given a View.
package host

import (
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"strings"
	"time"
)

// View reads a node. Nothing that it offers changes the node.
type View interface {
	FileReader
	UnitReader
	// Query runs a command that the caller promises changes nothing (dpkg-query, rpm -q, a guard). See [Cmd] for its terms.
	Query(ctx context.Context, c Cmd) (Output, error)
	// LookupUser and LookupGroup resolve a name or a decimal id from /etc/passwd and /etc/group, else from the node's
	// name services by getent(1). An unknown name is an error that wraps [ErrUnknownAccount]; a decimal id needs no entry.
	LookupUser(ctx context.Context, nameOrID string) (User, error)
	LookupGroup(ctx context.Context, nameOrID string) (Group, error)
	// Mounts lists the live mounts of the node's mount namespace in mount order, from /proc/self/mountinfo.
	Mounts(ctx context.Context) ([]Mount, error)
}

// Host is a View that can also be changed. Every change is durable when its call returns without an error.
type Host interface {
	View
	FileWriter
	UnitWriter
	// Run runs a command that may change the node.
	Run(ctx context.Context, c Cmd) (Output, error)
}

// FileReader reads files. Names are reached component by component without following links that others may have planted.
type FileReader interface {
	// Lstat describes what is at name itself, not what a link there points to. Nothing there is Kind Absent and no error.
	Lstat(name string) (Stat, error)
	// Open opens a regular file for reading; anything else (nothing, pipe, device, folder, link) is a *[NotFileError] and never blocks.
	Open(name string) (File, error)
	// Readlink returns the target of the symbolic link at name, as written in it.
	Readlink(name string) (string, error)
	// ReadDir yields the names in the folder at name itself in lexical order.
	ReadDir(name string) iter.Seq2[string, error]
	// Xattrs returns the extended attributes of name, POSIX ACLs included (system.posix_acl_access, system.posix_acl_default).
	Xattrs(name string) (map[string][]byte, error)
	// Flags returns the flags of what is at name itself and of the folder that it is in; none of what is not there or has no such flags. Of a name at
	// which nothing is, Lstat tells them.
	Flags(name string) (own, folder Flags, err error)
}

// File is a regular file that is open for reading.
type File interface {
	io.ReadCloser
	// Stat describes the file as it was when it was opened, whatever is at its name now.
	Stat() Stat
	// Xattrs are those of the file itself too; see [FileReader].
	Xattrs() (map[string][]byte, error)
}

// FileWriter changes files. A write is whole or not at all: at every moment the old or the new is there, never neither or a part.
type FileWriter interface {
	// WriteFile puts content at name: a new file, without a name or beside it, owner and mode set before it becomes visible, fsync, link or rename, fsync of
	// the folder. What somebody else puts meanwhile where nothing was is not replaced, which is an error.
	WriteFile(ctx context.Context, name string, f NewFile) error
	// Mkdir makes one folder; its parent must be there.
	Mkdir(ctx context.Context, name string, m Meta) error
	// Symlink makes name a link to target, replacing a link or file that is there at once.
	Symlink(ctx context.Context, target, name string) error
	// SetMeta sets what is given in m on name itself, through a descriptor.
	SetMeta(ctx context.Context, name string, m Meta) error
	// Supplant puts in the place of what is at name, which may be a folder, what make makes at the name beside it that it is given: at every
	// moment the one or the other is there. Of a folder that is not empty, with all, what is in it is removed. Nothing at name is no error.
	Supplant(ctx context.Context, name string, all bool, make func(h Host, name string) error) error
	// Remove removes a file, link or folder; with all, also what is in the folder. Mount points inside are never crossed.
	Remove(ctx context.Context, name string, all bool) error
}

// Kind says what a name is.
type Kind uint8

// The kinds of what may be at a name.
const (
	Absent Kind = iota
	Regular
	Directory
	Symlink
	Fifo
	Socket
	CharDevice
	BlockDevice
)

var kindNames = [...]string{"absent", "file", "directory", "link", "fifo", "socket", "characterSpecial", "blockSpecial"}

// String is the word that the ensure attribute of a file uses for k.
func (k Kind) String() string { return kindNames[k] }

// Stat describes one name.
type Stat struct {
	Kind     Kind
	Orphan   bool   // Absent, and so is the folder in which it could be
	Folder   Flags  // Absent: of the folder in which it could be
	Mode     uint32 // permission bits with setuid, setgid and sticky: 0 to 07777
	UID, GID uint32
	Size     int64 // bytes
	Nlink    uint64
	Dev, Ino uint64
	Rdev     uint64
	ModTime  time.Time
	Changed  time.Time // its content, owner, mode or name: nobody can set it
	Planted  string    // Symlink: why no content is written in its place, where somebody else may have made it; else ""
}

// Meta is what of a file's owner and permissions is to be set; a nil part is left as it is.
type Meta struct {
	Mode     *uint32 // 0 to 07777
	UID, GID *uint32
	Xattrs   map[string][]byte // names to set; a nil value removes the name
}

// OwnACLs returns xattrs, of a file or a folder that was, as they are for one that is made anew: without the ACLs that its folder would hand down.
func OwnACLs(xattrs map[string][]byte) map[string][]byte {
	all := map[string][]byte{"system.posix_acl_access": nil, "system.posix_acl_default": nil}
	maps.Copy(all, xattrs)
	return all
}

// TempPrefix begins the names of all temporary files; the token of their run, a dot and a random part follow.
const TempPrefix = ".apply."

// Temporary says whether name, without its folder, is that of a temporary file of the run with that token.
func Temporary(name, token string) bool {
	return token != "" && strings.HasPrefix(name, TempPrefix+token+".")
}

// ErrReplaced is wrapped by the error of WriteFile where something else than NewFile.Was is at the name by now.
var ErrReplaced = errors.New("somebody replaced it meanwhile")

// NewFile is the content and the metadata of a file to be written.
type NewFile struct {
	Content io.Reader // a [Draft] becomes the file itself
	// Meta's unset parts are taken from the file that is replaced (its ACLs and extended attributes too), else: mode 0644, the caller's owner and group.
	Meta Meta
	// Announce, if set, is called before anything of the new file has a name or anything of the old one is changed, while the content is made durable
	// where that needs no name; an error leaves the old file. Absent: nothing is at the name.
	Announce func(ctx context.Context, absent bool) error
	// Was, if set, is the file that Content was made from: if something else is at the name now, that is an error.
	Was *Stat
	// Validate, if set, is called with the name of the finished new file before it becomes visible; an error leaves the old file.
	Validate func(ctx context.Context, name string) error
}

// ErrUnknownAccount is wrapped by the errors of LookupUser and LookupGroup for a name that the node does not know.
var ErrUnknownAccount = errors.New("unknown to this node")

// User is an account of the node.
type User struct {
	Name     string
	UID, GID uint32
	Home     string
	Shell    string
}

// Group is a group of the node.
type Group struct {
	Name string
	GID  uint32
}

// Mount is one live mount.
type Mount struct {
	ID, Parent   int
	Dev          string // MAJOR:MINOR of the file system, which other mounts of it have too
	Point        string
	Root         string // the folder of the file system that is mounted: other than "/" for bind mounts and subvolumes
	FSType       string
	Source       string
	Options      []string // of the mount
	SuperOptions []string // of the file system
}

// Cmd is one command. It gets its own process group, a clean environment and the root folder "/" as its current folder.
//
// When ctx ends, the whole group is terminated (TERM, then KILL after 5 seconds) and the error wraps the cause of ctx; a child that stays
// behind holding the output open does not delay the return.
type Cmd struct {
	Args  []string // Args[0] is looked up in Path unless it is absolute; never in the current folder
	Path  []string // folders; becomes PATH; default the usual system folders
	Env   []string // KEY=VALUE, beside PATH, HOME and LANG=C.UTF-8
	Dir   string
	User  string // name or id
	Group string
	Umask *uint32 // default 022
	Stdin io.Reader
	// Stream, if set, sees the output while it is produced, in pieces of any size; stderr says from which of the two it came.
	Stream func(stderr bool, p []byte)
	// MaxOutput bounds what is kept of each output; default 1 MiB. Of more, the first and the last halves are kept.
	MaxOutput int
	// Ends lets it come to its end where this process is killed meanwhile: what it leaves half done nobody would see. Another run waits for it.
	Ends bool
}

// Output is what a command left behind.
type Output struct {
	Stdout, Stderr []byte
	Truncated      bool // more than MaxOutput came
	ExitCode       int  // 128+n for a signal n
}

// ErrNoSystemd is returned where the node does not run systemd.
var ErrNoSystemd = errors.New("systemd does not run on this node")

// Unit is the state of a systemd unit, its properties by systemd's names and words.
type Unit struct {
	Name             string // as asked
	ID               string // the unit that an alias stands for
	LoadState        string // loaded, not-found, masked, error...
	ActiveState      string // active, inactive, failed, activating...
	SubState         string // running, exited, dead, auto-restart...
	UnitFileState    string // enabled, disabled, static, indirect, generated, masked...
	Type             string // simple, oneshot, forking, notify...
	Result           string // success, exit-code, signal, timeout, start-limit-hit...
	MainPID          uint32
	NRestarts        uint32
	NeedDaemonReload bool
	FragmentPath     string
	ActiveEnter      time.Time
	Modelled         bool // nothing is executed, so that nothing can end by itself either
}

// UnitReader reads the state of systemd units over D-Bus.
type UnitReader interface {
	// Unit returns the state of the unit, LoadState "not-found" for one that is not there. Without systemd: [ErrNoSystemd].
	Unit(ctx context.Context, name string) (Unit, error)
	// UnitLog returns the last lines of the unit's journal.
	UnitLog(ctx context.Context, name string, lines int) (string, error)
}

// Verb is what can be done to a unit.
type Verb string

// The verbs that UnitWriter knows, by systemctl's names.
const (
	Start           Verb = "start"
	Stop            Verb = "stop"
	Restart         Verb = "restart"
	Reload          Verb = "reload"
	ReloadOrRestart Verb = "reload-or-restart"
	Enable          Verb = "enable"
	Disable         Verb = "disable"
	Mask            Verb = "mask"
	MaskRuntime     Verb = "mask-runtime" // until the node starts again
	Unmask          Verb = "unmask"       // takes off both masks
)

// UnitWriter changes systemd units over D-Bus.
type UnitWriter interface {
	// DoUnit does verb and waits for the job's end. A job that does not end "done" is an error that names its result. A job that
	// is given up because ctx ended is cancelled in systemd too.
	DoUnit(ctx context.Context, name string, v Verb) error
	// DaemonReload makes systemd read its unit files and fstab again.
	DaemonReload(ctx context.Context) error
}
