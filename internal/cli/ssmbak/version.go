package ssmbakcli

import (
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak/archive"
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
				Version, Revision, Go, Platform string
				ArchiveFormat                   int
			}{version.String(), version.Revision(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, archive.Format}
			return a.Data(row, func(io.Writer) error {
				return a.Print("ssmbak %s, archive format %d, %s %s", row.Version, row.ArchiveFormat, row.Go, row.Platform)
			})
		},
	}
}
