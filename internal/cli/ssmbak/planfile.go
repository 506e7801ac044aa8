package ssmbakcli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/plan"
)

// writePlanFile writes a plan to a file, or to standard output if path is "-".
func (a *app) writePlanFile(path string, f *plan.Document) error {
	verb := verbOf(f)
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the plan: %w", err)
	}
	text = append(text, '\n')
	if a.isStdout(path) {
		_, err := a.Stdout.Write(text)
		return err
	}
	replaced, err := writeFile(path, text)
	if err != nil {
		return shell.KindFileFailed.Fail("choose a file in a writable directory", "write the plan to %s: %v", path, err)
	}
	if replaced {
		digest, recorded := fmt.Sprintf("%x", sha256.Sum256(text)), ""
		if f.Bucket == "" {
			recorded = " --without-archive"
		}
		a.NoteFacts(shell.Facts{"File": path, "Sha256": digest}, "plan written to %s: `ssmbak %s --plan %s --plan-sha256 %s%s` applies it", path, verb, shell.Quote(path), digest, recorded)
	}
	return nil
}

// verbOf returns the name of the command that makes and applies a plan.
func verbOf(f *plan.Document) string {
	if f.Until != 0 {
		return "revert"
	}
	return "restore"
}

// readPlanFile reads a plan from a file, or from standard input if path is "-". It
// refuses one whose SHA-256 is not digest, if that is not "".
func (a *app) readPlanFile(path, digest string) (*plan.Document, error) {
	want, err := hex.DecodeString(digest)
	if err != nil || digest != "" && len(want) != sha256.Size {
		return nil, shell.Usage("`sha256sum FILE` prints the digest of a plan file", "--plan-sha256 %q must be 64 hexadecimal digits", digest)
	}
	text, err := a.planText(path)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(text); digest != "" && !bytes.Equal(want, sum[:]) {
		return nil, shell.KindInvalidPlanFile.Fail("review the plan again: `ssmbak restore --plan "+shell.Quote(path)+" --dry-run`; nothing was changed",
			"the plan is not the one that was reviewed: its SHA-256 is %x", sum)
	}
	return plan.ParseFile(text)
}

func (a *app) planText(path string) ([]byte, error) {
	if path == "-" {
		text, err := io.ReadAll(a.Stdin)
		if err != nil {
			return nil, shell.KindFileFailed.Fail("", "read the plan from standard input: %v", err)
		}
		return text, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, shell.Usage("`ssmbak restore NAME|PATH TIME --dry-run --out FILE` creates one", "file %s does not exist", path)
	}
	if err != nil {
		return nil, shell.KindFileFailed.Fail("", "read the plan: %v", err)
	}
	return text, nil
}

// optionsOf returns the command-line flags with which a plan was made.
func optionsOf(f *plan.Document) string {
	var b strings.Builder
	for _, flag := range []struct {
		name string
		on   bool
	}{
		{"recursive", f.Recursive},
		{"exact", f.Options.Exact},
		{"replace", f.Options.Replace},
		{"assume-last-known", f.Options.AssumeLastKnown},
		{"own", f.Options.Own},
	} {
		if flag.on {
			b.WriteString(" --" + flag.name)
		}
	}
	var keys []string
	for before, after := range f.Options.KeyMap {
		keys = append(keys, before+"="+after)
	}
	slices.Sort(keys)
	var into []string
	if f.From != nil {
		into = append(into, plan.Place{Account: f.Account, Region: f.Region}.String())
	}
	for _, flag := range []struct {
		name   string
		values []string
	}{{"into", into}, {"key-map", keys}, {"to", []string{f.Options.To}}, {"by", f.Options.Principals}, {"only", f.Options.Only}, {"exclude", f.Options.Exclude}, {"key-id", []string{f.Options.KeyID}}} {
		for _, value := range flag.values {
			b.WriteString(shell.Given(flag.name, value))
		}
	}
	return b.String()
}

// runPlanFile applies the plan in a file.
func (a *app) runPlanFile(cmd *cobra.Command, o restoreOptions) error {
	for _, flag := range append([]string{"out", "by"}, planFlags...) {
		if flag != "without-archive" && cmd.Flags().Changed(flag) {
			return shell.Usage("omit it: the plan has its own options", "--%s cannot be combined with --plan", flag)
		}
	}
	if o.planFile == "-" && !o.yes && !o.dryRun {
		return shell.Usage("review the plan, then add --yes", "--plan - reads the plan from standard input, so it cannot ask for confirmation")
	}
	f, err := a.readPlanFile(o.planFile, o.planDigest)
	if err != nil {
		return err
	}
	verb := verbOf(f)
	if verb != cmd.Name() {
		return shell.Usage("use `ssmbak "+verb+" --plan "+shell.Quote(o.planFile)+"`", "%s is the plan of a %s", o.planFile, verb)
	}
	ctx := cmd.Context()
	s, err := a.openForFile(ctx, f, o)
	if err != nil {
		return err
	}
	a.NoteFacts(shell.Facts{"At": f.At}, "time %s", a.both(f.At))
	arguments := verb + " --plan " + shell.Quote(o.planFile)
	same := "ssmbak " + verb + " " + planned(f.Target, f.At, f.Options)
	if f.Until != 0 {
		a.NoteFacts(shell.Facts{"At": f.Until}, "time %s", a.both(f.Until))
		same += " " + f.Until.String()
	}
	same += optionsOf(f)
	// The options come before the parameters: they decide what happens to those.
	a.NoteFacts(shell.Facts{"Created": f.Created, "By": f.By}, "plan made at %s by %s: `%s`", f.Created, cmp.Or(f.By, "an unknown caller"), same)
	o.to, o.replan = f.Options.To, same+" --dry-run --out "+shell.Quote(o.planFile)
	again := "ssmbak " + arguments
	if o.planFile == "-" { // standard input cannot be read again
		again = same
	}
	options := o.restore(a)
	options.Options, options.Message = f.Options, o.message
	s.from(&options)
	r, progress := a.restorer(s, options, arguments, again)
	defer progress.Close()
	p, err := r.PlanFile(ctx, f)
	if err != nil {
		return err
	}
	a.noteUnchecked(p.Unchecked)
	if o.dryRun {
		progress.Close()
		if err := a.printRestorePlan(ctx, s, p, o.to, ""); err != nil {
			return err
		}
		return a.foreseen(p)
	}
	return a.carryOut(ctx, s, r, p, progress, o, again)
}

// openForFile opens the archives that a plan file names, to apply it.
func (a *app) openForFile(ctx context.Context, f *plan.Document, o restoreOptions) (*session, error) {
	if f.From == nil {
		if o.withoutArchive {
			return nil, shell.Usage("omit it", "--without-archive is for plans of restores from another archive")
		}
		return a.openToRestore(ctx, o.maxRate)
	}
	a.maxRate = o.maxRate
	for _, given := range []struct {
		flag     string
		value    *string
		fromPlan string
	}{{"bucket", &a.flags.bucket, f.From.Bucket}, {"bucket-owner", &a.flags.owner, f.From.Owner}} {
		if *given.value != "" && *given.value != given.fromPlan {
			return nil, shell.Usage("omit it: the plan names it", "--%s %s is not that of the plan, %s", given.flag, *given.value, given.fromPlan)
		}
		*given.value = given.fromPlan
	}
	if f.Bucket == "" && !o.withoutArchive {
		return nil, shell.Usage("add --without-archive, or make the plan again without it", "no archive records this plan, so that there is no undo")
	}
	conn, err := a.Connect(ctx)
	if err != nil {
		return nil, err
	}
	into := intoOptions{into: plan.Place{Account: f.Account, Region: f.Region}.String(), ownBucket: f.Bucket, withoutArchive: f.Bucket == "", planned: true}
	return a.openInto(ctx, conn, into, unlessDry(o.dryRun))
}
