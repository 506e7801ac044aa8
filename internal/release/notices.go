package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// module is the path of this module.
const module = "github.com/ssmbak/ssmbak"

// certificates is the package with the certificates of the container image. Their list is
// Mozilla's.
// https://pkg.go.dev/golang.org/x/crypto/x509roots/fallback
const certificates = "golang.org/x/crypto/x509roots/fallback/bundle"

// termsOfCertificates is the notice that the licence of Mozilla's list asks for.
// https://www.mozilla.org/en-US/MPL/2.0/ (Exhibit A, and section 3.2)
const termsOfCertificates = `ca-certificates.crt in the container image is a modified form of certdata.txt, the list
of root certificates in Mozilla's Network Security Services (NSS):
https://hg.mozilla.org/projects/nss/file/tip/lib/ckfw/builtins/certdata.txt

This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0. If a
copy of the MPL was not distributed with this file, You can obtain one at
https://mozilla.org/MPL/2.0/.`

// licence matches the names of files with the terms of a module.
var licence = regexp.MustCompile(`(?i)^((?:un)?licen[cs]e|copying|notice|patents)([.-].*)?$`)

// linked is a package of a program, as the go command describes it.
type linked struct {
	Dir        string
	ImportPath string
	Standard   bool
	Module     *struct{ Path, Version, Dir string }
}

// packagesOf returns the packages of all commands on a system, and of the certificates of the
// container image, without those of this module.
func packagesOf(ctx context.Context, goos string) (all []linked, err error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,ImportPath,Standard,Module", module+"/cmd/...", certificates)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the packages for %s: %w", goos, err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p linked
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		if p.Module == nil || p.Module.Path != module {
			all = append(all, p)
		}
	}
}

// terms are the files with the terms of a module, by their paths.
type terms map[string][]byte

// termsOf returns the terms of the modules of packages, by module and version: all that are
// in the directory of a package or in a directory above it, since a module may contain
// packages under terms of their own. The standard library is the module std.
func termsOf(ctx context.Context, packages []linked) (map[string]terms, error) {
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("find the standard library: %w", err)
	}
	all := make(map[string]terms)
	for _, p := range packages {
		name, root := "std", strings.TrimSpace(string(goroot))
		if p.Module != nil {
			name, root = p.Module.Path+" "+p.Module.Version, p.Module.Dir
		}
		if all[name] == nil {
			all[name] = make(terms)
		}
		for dir := p.Dir; strings.HasPrefix(dir, root); dir = filepath.Dir(dir) {
			files, err := os.ReadDir(dir)
			if err != nil {
				return nil, err
			}
			for _, f := range files {
				if f.IsDir() || !licence.MatchString(f.Name()) || filepath.Ext(f.Name()) == ".go" {
					continue
				}
				path := filepath.Join(dir, f.Name())
				body, err := os.ReadFile(path)
				if err != nil {
					return nil, err
				}
				rel, err := filepath.Rel(root, path)
				if err != nil {
					return nil, err
				}
				all[name][filepath.ToSlash(rel)] = body
			}
		}
	}
	return all, nil
}

// notices returns the terms of everything that the programs link. The error names modules
// without any.
func (r *release) notices(ctx context.Context) ([]byte, error) {
	var packages []linked
	systems := make(map[string]bool)
	for _, p := range r.programs {
		systems[p.os] = true
	}
	for _, goos := range slices.Sorted(maps.Keys(systems)) {
		more, err := packagesOf(ctx, goos)
		if err != nil {
			return nil, err
		}
		packages = append(packages, more...)
	}
	all, err := termsOf(ctx, packages)
	if err != nil {
		return nil, err
	}
	for _, m := range r.modules() { // in case the programs were built from another tree
		if name := m.Path + " " + m.Version; all[name] == nil {
			all[name] = nil
		}
	}
	return notices(all)
}

// notices returns the terms as a text, in the order of the modules. Equal texts are printed
// once, with all modules under them.
func notices(all map[string]terms) ([]byte, error) {
	var without []string
	var order []string
	under := make(map[string][]string) // files, by text
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if len(all[name]) == 0 {
			without = append(without, name)
		}
		for _, path := range slices.Sorted(maps.Keys(all[name])) {
			text := strings.TrimSpace(strings.ReplaceAll(string(all[name][path]), "\r\n", "\n"))
			if under[text] == nil {
				order = append(order, text)
			}
			under[text] = append(under[text], name+": "+path)
		}
	}
	if without != nil {
		return nil, fmt.Errorf("no licence was found for %s", strings.Join(without, ", "))
	}
	var out bytes.Buffer
	out.WriteString("The programs and the container image of ssmbak contain the following software of others,\nunder these terms.\n")
	section := func(title, text string) {
		fmt.Fprintf(&out, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), title, text)
	}
	for _, text := range order {
		section(strings.Join(under[text], "\n"), text)
	}
	section("ca-certificates.crt", termsOfCertificates)
	return out.Bytes(), nil
}
