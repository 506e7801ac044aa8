package ssmbakcli

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

func (a *app) newGetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "get NAME TIME",
		Short: "Write a parameter's value at a time to standard output",
		Long: `Write a parameter's value at a time to standard output, unmodified and without
a trailing newline (a terminal gets one), regardless of --output. A SecureString
requires --with-decryption, because a masked value could be mistaken for the real one.

` + timeHelp + "\n" + selectorHelp,
		Example: `  ssmbak get /app/db 2h
  ssmbak get /app/db:3
  ssmbak get /app/password 2024-06-13T20:10:54Z --with-decryption > password`,
		Args: a.orVersions(1, exactly("NAME", "TIME")),
		RunE: func(cmd *cobra.Command, args []string) error {
			if one, _ := a.selectors(args, 1); one != nil {
				return a.runGetVersion(cmd.Context(), one)
			}
			name, err := a.name(args[0])
			if err != nil {
				return err
			}
			return a.runGet(cmd.Context(), name, args[1])
		},
	}
}

func (a *app) runGet(ctx context.Context, name ssmbak.Name, text string) error {
	s, point, err := a.openAt(ctx, text)
	if err != nil {
		return err
	}
	at := point.At
	snap, err := s.archive.At(ctx, ssmbak.NameTarget(name), at, a.values())
	if err != nil {
		return err
	}
	a.noteUnchecked(snap.Unchecked)
	for _, p := range snap.Problems {
		if p.Name != name {
			continue
		}
		if _, ok := hidden(p); ok {
			return shell.Part(hiddenHint, "the state of %s at %s is unknown: its index is missing", name, at)
		}
		return p.Err
	}
	if u := snap.Unproved; len(u.Missed) > 0 {
		return shell.Part(unprovedHint, "the state of %s at %s is unknown: it was live at %s but could not be recorded", name, at, ssmbak.TimeOf(u.Missed[0].Until))
	}
	if !snap.One || len(snap.States) == 0 {
		hint := "names are case-sensitive"
		if len(snap.States) > 0 {
			hint = "this is a path: `ssmbak preview " + name.String() + "/ " + at.String() + "` shows what is below it"
		}
		return shell.KindNotFound.Fail(hint, "the archive in bucket %s has no parameter %s", s.archive.Bucket(), name)
	}
	st := snap.States[0]
	a.noteSecond(point, snap.States)
	switch {
	case snap.Before():
		return a.before(ctx, s, ssmbak.NameTarget(name), at)
	case st.Certainty == ssmbak.Unknown && deletedWithin(st, at):
		return shell.KindUnknown.Fail("`ssmbak get "+name.String()+" before:"+at.Whole()+"` writes its value just before that second", "the state of %s at %s is unknown: %s", name, at, st.Reason)
	case st.Certainty == ssmbak.Unknown:
		return shell.KindUnknown.Fail("`ssmbak preview "+name.String()+" "+at.String()+"` shows its last known state", "the state of %s at %s is unknown: %s", name, at, st.Reason)
	case st.Deleted && unborn(st, snap):
		return a.absentThen(ctx, s, name, "%s did not exist yet at %s", name, at)
	case st.Deleted:
		return shell.KindNotFound.Fail("`ssmbak get "+name.String()+" before:"+deletion(st.Modified)+"` writes its last value", "%s did not exist at %s: it was deleted at %s", name, at, deletion(st.Modified))
	}
	if err := a.writeValue(st, name.String()+" "+at.String()); err != nil {
		return err
	}
	return a.unproved(snap.Unproved)
}

// runGetVersion writes the value of a version.
func (a *app) runGetVersion(ctx context.Context, one []selector) error {
	v, state, problem, err := a.versionState(ctx, one)
	if err != nil || problem != nil {
		return errors.Join(err, problem)
	}
	return a.writeValue(state, v.String())
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

// writeValue writes the value of a state. what are the arguments that select the state.
func (a *app) writeValue(st ssmbak.State, what string) error {
	switch {
	case st.Version.Type == "" && !a.flags.decrypt:
		return shell.KindMasked.Fail("add --with-decryption", "%s may be a SecureString: its type was not recorded", st.Name)
	case render.Masked(st.Version.Type, a.flags.decrypt):
		return shell.KindMasked.Fail("add --with-decryption", "%s is a SecureString", st.Name)
	case !st.Value.IsKnown():
		return shell.KindUnavailable.Fail("`ssmbak preview "+what+" --output json` shows everything else about it", "the value of %s is unavailable: %s", st.Name, st.Value.Reason)
	}
	text := st.Value.V.Reveal()
	if a.Terminal(a.Stdout) && !strings.HasSuffix(text, "\n") {
		text += "\n" // so that the prompt does not follow it
	}
	_, err := io.WriteString(a.Stdout, text)
	return err
}
