package ssmbakcli

import (
	"context"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

func (a *app) newGetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "get NAME... TIME",
		Short: "Write a parameter's value at a time to standard output",
		Long: `Write a parameter's value at a time to standard output, unmodified and without
a trailing newline (a terminal gets one), regardless of --output. A SecureString
requires --with-decryption, because a masked value could be mistaken for the real one.

With several names, write one JSON object with the value of each name, or nothing if
one of the values is not available.

` + timeHelp + "\n" + selectorHelp,
		Example: `  ssmbak get /app/db 2h
  ssmbak get /app/db:3
  ssmbak get /app/password 2024-06-13T20:10:54Z --with-decryption > password
  ssmbak get /app/db/host /app/db/port 2h | jq -r '."/app/db/host"'`,
		Args: a.orVersions(1, namesAndTime),
		RunE: func(cmd *cobra.Command, args []string) error {
			if one, _ := a.selectors(args, 1); one != nil {
				return a.runGetVersion(cmd.Context(), one)
			}
			last := len(args) - 1
			names := make([]ssmbak.Name, last)
			for i, text := range args[:last] {
				var err error
				if names[i], err = a.name(text); err != nil {
					return err
				}
			}
			return a.runGet(cmd.Context(), names, args[last])
		},
	}
}

// namesAndTime checks that the arguments are at least one NAME, and a TIME.
func namesAndTime(cmd *cobra.Command, args []string) error {
	if last := len(args) - 1; last > 0 && strings.HasPrefix(args[last], "/") {
		return exactly("NAME", "TIME")(cmd, args[:1])
	}
	if len(args) > 2 {
		return errors.Join(oneArgument(args), exactly("NAME", "TIME")(cmd, []string{args[0], args[len(args)-1]}))
	}
	return exactly("NAME", "TIME")(cmd, args)
}

func (a *app) runGet(ctx context.Context, names []ssmbak.Name, text string) error {
	s, point, err := a.openAt(ctx, text)
	if err != nil {
		return err
	}
	values := make(map[ssmbak.Name]string, len(names))
	var left []error
	for _, name := range names {
		snap, err := a.presentAt(ctx, s, name, point)
		if err != nil {
			return err
		}
		if values[name], err = a.value(snap.States[0], name.String()+" "+point.At.String()); err != nil {
			return err
		}
		if len(names) > 1 && !utf8.ValidString(values[name]) {
			return shell.KindUnavailable.Fail("`ssmbak get "+name.String()+" "+point.At.String()+"` writes it unchanged", "the value of %s is not UTF-8, which JSON requires", name)
		}
		left = append(left, a.unproved(snap.Unproved))
	}
	if len(names) == 1 {
		err = a.writeValue(values[names[0]])
	} else {
		err = a.WriteJSON(values)
	}
	return errors.Join(append([]error{err}, left...)...)
}

// presentAt returns the snapshot with one state, that of a parameter which existed at a time,
// or an error that says why there is none.
func (a *app) presentAt(ctx context.Context, s *session, name ssmbak.Name, point ssmbak.Point) (archive.Snapshot, error) {
	at := point.At
	snap, err := s.archive.At(ctx, ssmbak.NameTarget(name), at, a.values())
	if err != nil {
		return snap, err
	}
	a.noteUnchecked(snap.Unchecked)
	for _, p := range snap.Problems {
		if p.Name != name {
			continue
		}
		if _, ok := hidden(p); ok {
			return snap, shell.KindUnknown.Part(hiddenHint, "the state of %s at %s is unknown: its index is missing", name, at)
		}
		return snap, p.Err
	}
	if u := snap.Unproved; len(u.Missed) > 0 {
		return snap, shell.KindUnknown.Part(unprovedHint, "the state of %s at %s is unknown: it was live at %s but could not be recorded", name, at, ssmbak.TimeOf(u.Missed[0].Until))
	}
	if !snap.One || len(snap.States) == 0 {
		hint := "names are case-sensitive"
		if len(snap.States) > 0 {
			hint = "this is a path: `ssmbak preview " + name.String() + "/ " + at.String() + "` shows what is below it"
		}
		return snap, shell.KindNotFound.Fail(hint, "the archive in bucket %s has no parameter %s", s.archive.Bucket(), name)
	}
	st := snap.States[0]
	a.noteSecond(point, snap.States)
	switch {
	case snap.Before():
		return snap, a.before(ctx, s, ssmbak.NameTarget(name), at)
	case st.Certainty == ssmbak.Unknown && deletedWithin(st, at):
		return snap, shell.KindUnknown.Fail("`ssmbak get "+name.String()+" before:"+at.Whole()+"` writes its value just before that second", "the state of %s at %s is unknown: %s", name, at, st.Reason)
	case st.Certainty == ssmbak.Unknown:
		return snap, shell.KindUnknown.Fail("`ssmbak preview "+name.String()+" "+at.String()+"` shows its last known state", "the state of %s at %s is unknown: %s", name, at, st.Reason)
	case st.Deleted && unborn(st, snap):
		return snap, a.absentThen(ctx, s, name, "%s did not exist yet at %s", name, at)
	case st.Deleted:
		return snap, shell.KindNotFound.Fail("`ssmbak get "+name.String()+" before:"+deletion(st.Modified)+"` writes its last value", "%s did not exist at %s: it was deleted at %s", name, at, deletion(st.Modified))
	}
	return snap, nil
}

// runGetVersion writes the value of a version.
func (a *app) runGetVersion(ctx context.Context, one []selector) error {
	v, state, problem, err := a.versionState(ctx, one)
	if err != nil || problem != nil {
		return errors.Join(err, problem)
	}
	value, err := a.value(state, v.String())
	if err != nil {
		return err
	}
	return a.writeValue(value)
}

// versionState returns the state with the selected version, and its value unless that is
// masked. problem is the error of a damaged value.
func (a *app) versionState(ctx context.Context, one []selector) (v chosen, state ssmbak.State, problem, err error) {
	s, err := a.open(ctx, reading)
	if err != nil {
		return v, state, nil, err
	}
	found, err := a.versions(ctx, s, one)
	if err != nil {
		return v, state, nil, err
	}
	v = found[0]
	state, refs := v.line.OfVersion(v.Version)
	if !render.Masked(state.Version.Type, a.flags.decrypt) && len(refs) > 0 {
		state.Value, problem, err = s.archive.KnownValue(ctx, v.name, state.Version, refs)
	}
	return v, state, problem, err
}

// value returns the value of a state. what are the arguments that select the state.
func (a *app) value(st ssmbak.State, what string) (string, error) {
	switch {
	case st.Version.Type == "" && !a.flags.decrypt:
		return "", shell.KindMasked.Fail("add --with-decryption", "%s may be a SecureString: its type was not recorded", st.Name)
	case render.Masked(st.Version.Type, a.flags.decrypt):
		return "", shell.KindMasked.Fail("add --with-decryption", "%s is a SecureString", st.Name)
	case !st.Value.IsKnown():
		return "", shell.KindUnavailable.Fail("`ssmbak preview "+what+" --output json` shows everything else about it", "the value of %s is unavailable: %s", st.Name, st.Value.Reason)
	}
	return st.Value.V.Reveal(), nil
}

// writeValue writes a value unchanged. A terminal gets a newline after it, so that the
// prompt does not follow it.
func (a *app) writeValue(text string) error {
	if a.Terminal(a.Stdout) && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	_, err := io.WriteString(a.Stdout, text)
	return err
}
