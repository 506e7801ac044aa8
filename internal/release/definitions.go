package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// formula writes the Homebrew formula, for the systems that Homebrew supports.
func (r *release) formula() error {
	sums := make(map[string]string)
	for _, system := range []string{"darwin-arm64", "darwin-amd64", "linux-arm64", "linux-amd64"} {
		body, err := os.ReadFile(filepath.Join(r.dir, "ssmbak-"+system+".tar.gz"))
		if errors.Is(err, os.ErrNotExist) {
			fmt.Fprintf(os.Stderr, "release: no formula, since there is no archive for %s\n", system)
			return nil
		}
		if err != nil {
			return err
		}
		sums[strings.ReplaceAll(system, "-", "_")] = fmt.Sprintf("%x", sha256.Sum256(body))
	}
	t, err := template.ParseFiles("packaging/ssmbak.rb.tmpl")
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, map[string]any{"Version": r.version, "Number": r.number(), "Sums": sums}); err != nil {
		return err
	}
	return r.write("ssmbak.rb", out.Bytes())
}

// container copies the definition of the container image, which is built in the directory
// of the release.
func (r *release) container() error {
	body, err := os.ReadFile("packaging/Containerfile")
	if err != nil {
		return err
	}
	return r.write("Containerfile", body)
}
