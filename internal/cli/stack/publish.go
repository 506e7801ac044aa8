package stackcli

import (
	"context"
	"io"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/stack"
)

func (a *app) publish(ctx context.Context) error {
	bucket := *a.flags.texts["code-bucket"]
	if bucket == "" {
		return shell.Usage("for example `ssmbak-stack publish --code-bucket my-artifacts`", "--code-bucket is missing")
	}
	if _, err := a.values(); err != nil {
		return err
	}
	a.name = "ssmbak" // of no stack: only its connection is used
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	p, err := s.Publish(ctx, bucket, a.flags.codePrefix)
	if err != nil {
		return err
	}
	return a.Data(p, func(io.Writer) error { return a.printPublished(p) })
}

// printPublished prints the options of create for what was published.
func (a *app) printPublished(p stack.Published) error {
	lines := []string{"Template: " + p.TemplateURL}
	for _, z := range p.Zips {
		lines = append(lines, "", "Options for "+z.Architecture+":",
			"  --architecture "+z.Architecture+" --code-bucket "+p.Bucket+" \\",
			"  --code-key "+z.Key+" \\", "  --code-version "+z.ObjectVersion)
	}
	return a.Lines(lines...)
}

func (a *app) finish(ctx context.Context) error {
	s, err := a.openToWrite(ctx)
	if err != nil {
		return err
	}
	d, err := s.Finish(ctx)
	if err != nil {
		return err
	}
	return a.Data(d, func(io.Writer) error {
		return a.Print("The functions run the expected code, and the settings are in the archive.")
	})
}
