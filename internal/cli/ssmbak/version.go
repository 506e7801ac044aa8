package ssmbakcli

import (
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
		RunE:    func(*cobra.Command, []string) error { return a.WriteVersion(version.String(), archive.Format) },
	}
}
