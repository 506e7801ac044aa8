package ssmbakcli

import (
	"context"
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
	"github.com/ssmbak/ssmbak/timeline"
)

// selectorHelp explains NAME:VERSION and NAME:LABEL.
const selectorHelp = `
NAME:3 and NAME:LABEL take the place of NAME TIME: that version of the parameter, or the
version with that label, without tags and labels. The number is that of the newest life
of the parameter, if it was deleted and created again.
`

// selector is NAME:VERSION or NAME:LABEL.
type selector struct {
	name  ssmbak.Name
	text  string // the number or the label
	label bool
}

func (s selector) String() string { return string(s.name) + ":" + s.text }

// selector parses an argument that may be NAME:VERSION or NAME:LABEL. ok is false for any
// other argument.
func (a *app) selector(text string) (s selector, ok bool) {
	text, err := a.named(text)
	if err != nil {
		return selector{}, false
	}
	var e *ssmbak.NameError
	if _, err := ssmbak.ParseName(text); !errors.As(err, &e) || e.Selector == "" {
		return selector{}, false
	}
	return selector{name: e.Name, text: e.Selector, label: !e.Version()}, true
}

// selectors parses the arguments of a command that takes NAME TIME, and instead of both
// NAME:VERSION. It returns nil if the first argument is neither NAME:VERSION nor
// NAME:LABEL. most is how many of them the command takes.
func (a *app) selectors(args []string, most int) (all []selector, err error) {
	for i, text := range args {
		s, ok := a.selector(text)
		switch {
		case !ok && i == 0:
			return nil, nil
		case i >= most || !ok:
			return nil, shell.Usage("omit it, or omit :"+all[0].text, "%s takes the place of a time: unexpected argument %q", all[0], text)
		case i > 0 && s.name != all[0].name:
			return nil, shell.Usage("compare two versions of one parameter", "%s and %s are different parameters", all[0].name, s.name)
		}
		all = append(all, s)
	}
	return all, nil
}

// chosen is a selected version with its parameter.
type chosen struct {
	timeline.Version
	line *timeline.Timeline
	name ssmbak.Name
}

// String returns the version as an argument.
func (v chosen) String() string { return string(v.name) + ":" + strconv.FormatInt(v.Number, 10) }

// versions finds selected versions of one parameter in the archive, and prints which they
// are.
func (a *app) versions(ctx context.Context, s *session, all []selector) ([]chosen, error) {
	name := all[0].name
	lines, err := s.archive.Timelines(ctx, ssmbak.NameTarget(name))
	if err != nil {
		return nil, err
	}
	for _, p := range lines.Problems {
		if p.Name == name {
			return nil, p.Err
		}
	}
	if !lines.One || len(lines.All) == 0 {
		return nil, a.nothing(ctx, s, ssmbak.NameTarget(name))
	}
	found := make([]chosen, len(all))
	for i, selected := range all {
		if found[i], err = a.findVersion(lines.All[0], selected); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// findVersion finds one selected version.
func (a *app) findVersion(line *timeline.Timeline, s selector) (chosen, error) {
	number, _ := strconv.ParseInt(s.text, 10, 64)
	hint := "`ssmbak log " + string(s.name) + "` shows its versions"
	if s.label {
		labels := line.Labels()
		if !labels.IsKnown() {
			return chosen{}, shell.KindUnknown.Fail(hint, "the labels of %s are unknown", s.name)
		}
		if number = labels.V[s.text]; number == 0 {
			return chosen{}, shell.KindNotFound.Fail(hint, "no version of %s has the label %s", s.name, s.text)
		}
	}
	newest, older := line.Numbered(number)
	switch {
	case newest == nil && older == nil:
		return chosen{}, shell.KindNotFound.Fail(hint, "version %d of %s is not recorded", number, s.name)
	case newest == nil:
		return chosen{}, shell.KindNotFound.Fail("use "+string(s.name)+" and "+older.Moment().String()+", the time of that version",
			"%s has no version %d, only an earlier parameter of that name or a version before a gap", s.name, number)
	}
	v := chosen{*newest, line, s.name}
	a.NoteFacts(shell.Facts{"Name": s.name, "Version": number, "Time": newest.Moment()}, "%s is version %d of %s", s, number, a.both(newest.Moment()))
	if older != nil {
		a.NoteFacts(shell.Facts{"Name": s.name, "Version": number, "Time": older.Moment()}, "an earlier life of %s also had a version %d, at %s: use that time for it", s.name, number, older.Moment())
	}
	return v, nil
}

// aimed returns the point in time of a plan: that of a TIME argument, or that of the
// selected version, which it sets in the options of the plan.
func (a *app) aimed(ctx context.Context, s *session, ro *restore.Options, o planOptions, m moment) (ssmbak.Point, error) {
	if o.versions == nil {
		return a.locate(ctx, s, m)
	}
	found, err := a.versions(ctx, s, o.versions)
	if err != nil {
		return ssmbak.Point{}, err
	}
	ref := found[0].Ref()
	ro.Version = &ref
	at := found[0].Moment()
	return ssmbak.Point{At: at, Begin: at}, nil
}

// orVersions returns a check of the arguments of a command that takes up to most
// NAME:VERSION instead of those that check accepts.
func (a *app) orVersions(most int, check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := swapped(args); err != nil { // 20:10 could be version 10 of /20
			return err
		}
		if all, err := a.selectors(args, most); all != nil || err != nil {
			return err
		}
		return check(cmd, args)
	}
}

// planned returns the arguments of a command that makes a plan again.
func planned(target string, at ssmbak.Time, o plan.Options) string {
	if o.Version != nil {
		return shell.Quote(target + ":" + strconv.FormatInt(o.Version.Number, 10))
	}
	return shell.Quote(target) + " " + at.String()
}
