package ssmbakcli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/version"
)

func (a *app) newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the version of ssmbak and of the archive's format",
		Example: "  ssmbak version --output json",
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			if a.json() {
				return render.JSON(a.env.Stdout, struct {
					Version, Revision, Go, Platform string
					ArchiveFormat                   int
				}{version.String(), version.Revision(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, archive.Format})
			}
			_, err := fmt.Fprintf(a.env.Stdout, "ssmbak %s, archive format %d, %s %s/%s\n", version.String(), archive.Format, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
