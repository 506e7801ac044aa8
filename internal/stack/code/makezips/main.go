// Command makezips builds the zips of the functions into internal/stack/code/zips, where
// they are embedded into programs that are built afterwards. `make dist` does both. The
// functions get the version, the revision and the date that makezips itself was linked with.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ssmbak/ssmbak/internal/stack/code"
	"github.com/ssmbak/ssmbak/internal/version"
)

func main() {
	for _, architecture := range code.Architectures {
		z, err := code.Build(context.Background(), architecture, version.String(), ".")
		if err == nil {
			err = os.WriteFile(filepath.Join("internal", "stack", "code", "zips", architecture+".zip"), z.Bytes, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "makezips: error:", err)
			os.Exit(1)
		}
		fmt.Printf("%s.zip %d bytes, SHA-256 %s\n", architecture, len(z.Bytes), z.SHA256)
	}
}
