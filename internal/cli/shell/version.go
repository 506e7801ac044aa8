package shell

import (
	"io"
	"runtime"

	"github.com/spf13/pflag"

	"github.com/ssmbak/ssmbak/internal/version"
)

// versionRow is the JSON form of the version of a program.
type versionRow struct {
	Version, Revision, Date, Go, Platform string
	ArchiveFormat                         int
}

// WriteVersion writes the version of the program, the revision that it was built from and
// its date, and the format of the archives that it supports.
func (s *Shell) WriteVersion(number string, format int) error {
	row := versionRow{number, version.Revision(), version.Date(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, format}
	return s.Data(row, func(io.Writer) error {
		built := ""
		if row.Revision != "" {
			built = " (revision " + row.Revision + " of " + row.Date + ")"
		}
		return s.Print("%s %s%s, archive format %d, %s %s", s.program, row.Version, built, row.ArchiveFormat, row.Go, row.Platform)
	})
}

// VersionFlag adds --version, for the help: see [Shell.AskedVersion].
func VersionFlag(flags *pflag.FlagSet) {
	flags.Bool("version", false, "show the version, the revision and its date")
}

// AskedVersion reports whether --version is among the arguments, with any command. If so,
// it replaces them with the command version and the output format.
func (s *Shell) AskedVersion() bool {
	if Completing(s.Args) {
		return false
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	flags.BoolP("help", "h", false, "")
	VersionFlag(flags)
	output := flags.StringP("output", "o", string(Table), "")
	if err := flags.Parse(s.Args); err != nil {
		return false
	}
	asked, err := flags.GetBool("version")
	if asked {
		s.Args = []string{"version", "--output", *output}
	}
	return asked && err == nil
}
