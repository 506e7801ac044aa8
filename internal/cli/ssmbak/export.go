package ssmbakcli

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/export"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

type exportOptions struct {
	target    ssmbak.Target
	time      string
	recursive bool
	format    string
	out       string
}

func (a *app) newExportCommand() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export NAME|PATH TIME",
		Short: "Write the values at a time as a file that other programs read",
		Long: `Write the values of the parameters at a time as a file that other programs read. A
SecureString requires --with-decryption: without it, nothing is written if there is one.

The name of a value is that of its parameter below PATH. As in chamber, dotenv and
shell turn it into a variable of the environment: /app/db-url is DB_URL, and
/app/db/url, exported from /app with --recursive, is DB_URL too. Two parameters of one
variable are an error, and so is a value that the reader of the format would change.
` + targetHelp,
		Example: `  ssmbak export /app/ now --format dotenv --with-decryption --out .env
  ssmbak export /app 2h --recursive
  ssmbak export /app/ before:@deploy-42 --format tfvars --out old.tfvars`,
		Args: exactly("NAME|PATH", "TIME"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if !slices.Contains(export.Formats, export.Format(o.format)) {
				return shell.Usage("use one of "+exportFormats(), "unknown format %q", o.format)
			}
			if o.target, err = a.target(args[0], o.recursive); err != nil {
				return err
			}
			o.time = args[1]
			return a.runExport(cmd.Context(), o)
		},
	}
	addRecursive(cmd, &o.recursive)
	cmd.Flags().StringVar(&o.format, "format", string(export.JSON), "the `KIND` of file: "+exportFormats())
	cmd.Flags().StringVar(&o.out, "out", "-", "the `FILE` to write, with mode 0600; - is standard output")
	return cmd
}

func exportFormats() string {
	var names []string
	for _, f := range export.Formats {
		names = append(names, string(f))
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

func (a *app) runExport(ctx context.Context, o exportOptions) error {
	s, point, err := a.openAt(ctx, o.time)
	if err != nil {
		return err
	}
	snap, err := s.archive.At(ctx, o.target, point.At, a.values())
	if err != nil {
		return err
	}
	if err := a.noRecords(ctx, s, o.target, snap, len(snap.States), !snap.Before()); err != nil {
		return err
	}
	parameters, unknown, err := a.exported(o.target, snap.States)
	if err != nil {
		return err
	}
	text, err := export.Encode(export.Format(o.format), parameters)
	if err != nil {
		return err
	}
	if err := a.writeExport(o.out, text); err != nil {
		return err
	}
	a.noteSecond(point, snap.States)
	a.noteCompleteness(snap.Complete, point.At, snap.Unchecked)
	err = a.concluded(snap.Problems, nil, snap.Unproved)
	if err == nil && unknown > 0 {
		err = shell.KindPartial.Part("`ssmbak preview "+o.target.String()+" "+point.At.String()+"` shows what is known", "%s not written, because the state or the value is not known",
			shell.Count(unknown, "parameter was", "parameters were"))
	}
	return err
}

// exported returns the parameters that existed, with their values. It names those whose
// state or value is unknown, and counts them. The error says that values are secret.
func (a *app) exported(t ssmbak.Target, states []ssmbak.State) (all []export.Parameter, unknown int, err error) {
	secret, guessed := 0, 0
	for _, st := range states {
		switch {
		case st.Certainty == ssmbak.Unknown:
			if st.Version.Time != 0 || st.Deleted { // otherwise it was first recorded later
				a.NoteFacts(shell.Facts{"Name": st.Name, "Reason": st.Reason}, "%s: its state is unknown: %s", st.Name, st.Reason)
				unknown++
			}
		case st.Deleted:
		case render.Masked(st.Version.Type, a.flags.decrypt):
			secret++
		case !st.Value.IsKnown():
			a.NoteFacts(shell.Facts{"Name": st.Name, "Reason": st.Value.Reason}, "%s: its value is unavailable: %s", st.Name, st.Value.Reason)
			unknown++
		default:
			if st.Certainty == ssmbak.LastKnown {
				guessed++
			}
			all = append(all, export.Parameter{Key: exportKey(t, st.Name), Value: st.Value.V.Reveal()})
		}
	}
	if secret > 0 {
		return nil, 0, shell.KindMasked.Fail("add --with-decryption", "%s, and nothing was written", shell.Count(secret, "parameter is a SecureString", "parameters are SecureStrings"))
	}
	if guessed > 0 {
		a.NoteFacts(shell.Counted("last-known", guessed), "%s last known, not proved", shell.Count(guessed, "value is", "values are"))
	}
	return all, unknown, nil
}

// exportKey returns the name of a parameter below the target.
func exportKey(t ssmbak.Target, name ssmbak.Name) string {
	if key, ok := strings.CutPrefix(string(name), t.Prefix()); ok && key != "" {
		return key
	}
	return path.Base(string(name))
}

// writeExport writes a file, or to standard output.
func (a *app) writeExport(out string, text []byte) error {
	if a.isStdout(out) {
		_, err := a.Stdout.Write(text)
		return err
	}
	if _, err := writeFile(out, text); err != nil {
		return shell.KindFileFailed.Fail("choose a file in a writable directory", "write %s: %v", out, err)
	}
	a.NoteFacts(shell.Facts{"File": out}, "wrote %s", out)
	return nil
}
