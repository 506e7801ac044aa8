package ssmbakcli

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/permission"
	"github.com/ssmbak/ssmbak/plan"
)

// missingRow is one thing that is missing for a restore, in JSON.
type missingRow struct {
	Action   *string // null if a key cannot be used
	Resource string
	Reason   string
}

// runCheck asks IAM and KMS whether the caller could restore a target. It changes nothing.
func (a *app) runCheck(cmd *cobra.Command, o restoreOptions, args []string) error {
	for _, flag := range []string{"plan", "out", "dry-run", "to", "yes"} {
		if cmd.Flags().Changed(flag) {
			return shell.Usage("omit one of them", "--%s cannot be combined with --check", flag)
		}
	}
	ctx := cmd.Context()
	if len(args) == 1 && !strings.Contains(args[0], ":") {
		args = append(slices.Clone(args), "now")
	}
	if err := o.aim(a, args); err != nil {
		return err
	}
	if o.versions != nil {
		return shell.Usage("give a name or a path", "--check takes no version")
	}
	s, point, err := a.openChecked(ctx, o)
	if err != nil {
		return err
	}
	snap, err := s.archive.At(ctx, o.target, point.At, archive.NoValues)
	if err != nil {
		return err
	}
	if len(snap.States)+len(snap.Problems) == 0 {
		return a.nothing(ctx, s, o.target)
	}
	states, err := included(snap.States, o.restore(a).Options)
	if err != nil {
		return err
	}
	rows, keys, err := a.missing(ctx, s, o, states)
	if err != nil {
		return err
	}
	if err := a.Data(rows, func(w io.Writer) error { return a.writeMissing(w, rows) }); err != nil {
		return err
	}
	a.NoteFacts(shell.Facts{"Counts": shell.Facts{"parameters": len(states), "keys": keys, "missing": len(rows)}},
		"checked the permissions for %s and %s; policies of the bucket and of keys are not evaluated",
		shell.Count(len(states), "parameter", "parameters"), shell.Count(keys, "key", "keys"))
	if err := a.concluded(snap.Problems, nil, snap.Unproved); err != nil {
		return err
	}
	if len(rows) > 0 {
		return shell.KindPermissionsMissing.Part("allow these actions to "+s.caller.ARN, "%s for a restore of %s", shell.Count(len(rows), "permission is missing", "permissions are missing"), o.target)
	}
	return nil
}

// openChecked opens the archives of a restore, to read them, and returns the time that is
// meant.
func (a *app) openChecked(ctx context.Context, o restoreOptions) (*session, ssmbak.Point, error) {
	if o.into == "" {
		s, point, err := a.openAt(ctx, o.time)
		if err != nil {
			return nil, point, err
		}
		return s, point, s.atHome("--check without --into asks about the caller's own account and region")
	}
	m, err := a.past(o.time)
	if err != nil {
		return nil, ssmbak.Point{}, err
	}
	s, err := a.openPlanned(ctx, o.intoOptions, planning, "")
	if err != nil {
		return nil, ssmbak.Point{}, err
	}
	point, err := a.locate(ctx, s, m)
	return s, point, err
}

// included returns the states of the parameters that --only and --exclude include.
func included(all []ssmbak.State, o plan.Options) (states []ssmbak.State, err error) {
	names := make([]ssmbak.Name, len(all))
	for i, st := range all {
		names[i] = st.Name
		if o.Includes(st.Name) {
			states = append(states, st)
		}
	}
	if err := o.CheckPatterns(); err != nil {
		return nil, err
	}
	return states, o.CheckNames(names)
}

func (a *app) writeMissing(w io.Writer, rows []missingRow) error {
	if len(rows) == 0 {
		return nil
	}
	cells := make([][]string, len(rows))
	for i, row := range rows {
		cells[i] = []string{"", row.Resource, row.Reason}
		if row.Action != nil {
			cells[i][0] = *row.Action
		}
	}
	return render.Table(w, []string{"Action", "Resource", "Note"}, cells, a.view(w))
}

// missing returns what is missing for a restore of parameters to these states, and the
// number of their customer keys.
func (a *app) missing(ctx context.Context, s *session, o restoreOptions, states []ssmbak.State) (rows []missingRow, keys int, err error) {
	principals := iam.NewFromConfig(s.conn.Config())
	principal, err := permission.Principal(ctx, principals, s.caller.ARN)
	if err != nil {
		return nil, 0, err
	}
	place := permission.Place{
		Partition: strings.Split(principal, ":")[1], Account: s.caller.Account, Region: s.conn.Region(), Target: policyPattern(o.target),
	}
	rows = []missingRow{}
	names := make([]ssmbak.Name, len(states))
	used := make(map[string]ssmbak.Name) // a parameter of each customer key
	for i, st := range states {
		names[i] = st.Name
		key := st.Version.KeyID
		if s.into && key != "" {
			mapped, why := o.restore(a).KeyInto(st.Version.Attributes, s.move())
			if why != "" {
				rows = append(rows, missingRow{nil, key, st.Name.String() + ": " + why})
				continue
			}
			key = mapped
		}
		if key != "" && key != plan.DefaultKey {
			used[key] = st.Name
		}
	}
	needs := place.LiveNeeds(names)
	if s.into {
		needs = append(needs, place.ReadNeeds(s.archive.Bucket(), names)...)
	}
	if s.own != nil {
		needs = append(needs, place.RecordNeeds(s.own.Bucket(), names)...)
		if id, _ := s.own.Identity(); id.Signing.Key != "" {
			needs = append(needs, permission.SignNeed(id.Signing.Key))
		}
	}
	describer := kms.NewFromConfig(s.conn.Config())
	for _, id := range slices.Sorted(maps.Keys(used)) {
		key, err := permission.Describe(ctx, describer, id)
		switch {
		case err != nil:
			return nil, 0, err
		case key.Problem != "":
			rows = append(rows, missingRow{nil, id, key.Problem})
		case key.Unknown:
			action := "kms:DescribeKey"
			rows = append(rows, missingRow{&action, id, "whether the key can be used is unknown"})
		}
		if key.ARN != "" {
			needs = append(needs, place.KeyNeed(key.ARN, used[id]))
		}
	}
	denied, err := permission.Denied(ctx, principals, principal, needs)
	for _, d := range denied {
		reason := "no policy allows it"
		if d.Explicit {
			reason = "a policy denies it"
		}
		rows = append(rows, missingRow{&d.Action, d.Resource, reason})
	}
	return rows, len(used), err
}

// policyPattern returns the pattern of the names of a target in a policy.
func policyPattern(t ssmbak.Target) string {
	if name, possible := t.Name(); possible && !t.Recursive() {
		return name.String()
	}
	return t.Prefix() + "*"
}
