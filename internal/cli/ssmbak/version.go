package ssmbakcli

import (
	"io"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/version"
)

func (a *app) newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the version of ssmbak and of the archive's format",
		Example: "  ssmbak version --output json",
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			row := struct {
				Version, Revision, Date, Go, Platform string
				ArchiveFormat                         int
			}{version.String(), version.Revision(), version.Date(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, archive.Format}
			return a.Data(row, func(io.Writer) error {
				built := ""
				if row.Revision != "" {
					built = " (revision " + row.Revision + " of " + row.Date + ")"
				}
				return a.Print("ssmbak %s%s, archive format %d, %s %s", row.Version, built, row.ArchiveFormat, row.Go, row.Platform)
			})
		},
	}
}

// versionAsked reports whether --version is one of the arguments, with any command.
func versionAsked(args []string) bool {
	if shell.Completing(args) {
		return false
	}
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--version")
}
