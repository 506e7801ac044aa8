package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// nfpm makes packages. It is a program of its own, so that no module of it is linked.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2"

// content is a file in a package.
type content struct {
	Source      string   `json:"src"`
	Destination string   `json:"dst"`
	Packager    string   `json:"packager,omitempty"` // "" for all
	Info        fileInfo `json:"file_info"`
}

type fileInfo struct {
	Mode  int    `json:"mode"`
	MTime string `json:"mtime"`
}

// packages makes a package of each format for each architecture of Linux.
func (r *release) packages(ctx context.Context, formats []string, s *shared) error {
	temp, err := os.MkdirTemp("", "ssmbak-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	contents, err := r.sharedContents(temp, s)
	if err != nil {
		return err
	}
	for _, p := range r.programs {
		if p.os != "linux" || p.name != "ssmbak" {
			continue
		}
		both := slices.Clone(contents)
		for _, name := range []string{"ssmbak", "ssmbak-stack"} {
			both = append(both, r.content(filepath.Join(r.dir, name+"-linux-"+p.arch), "/usr/bin/"+name, "", 0o755))
		}
		config := filepath.Join(temp, "nfpm.yaml")
		text, err := json.MarshalIndent(r.nfpmConfig(p.arch, both), "", "  ") // JSON is YAML
		if err == nil {
			err = os.WriteFile(config, text, 0o600)
		}
		if err != nil {
			return err
		}
		for _, format := range formats {
			cmd := exec.CommandContext(ctx, "go", "run", nfpm, "package", "--config", config, "--packager", format, "--target", filepath.Join(r.dir, "ssmbak-linux-"+p.arch+"."+format))
			cmd.Stderr = os.Stderr
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("make the %s package for %s: %w", format, p.arch, err)
			}
		}
	}
	return nil
}

// nfpmConfig returns the configuration of a package.
// https://nfpm.goreleaser.com/docs/configuration/
func (r *release) nfpmConfig(arch string, contents []content) map[string]any {
	const address = "https://" + module
	return map[string]any{
		"name": "ssmbak", "arch": arch, "platform": "linux", "version": r.version, "section": "admin", "priority": "optional",
		"maintainer": "The developers of ssmbak <ssmbak@users.noreply.github.com>", "homepage": address, "license": "MIT",
		"description": "Point-in-time backup and restore for AWS SSM Parameter Store\nRecords every change of every parameter in a versioned S3 bucket, and restores\nparameters to any recorded point in time.",
		"mtime":       r.date.Format(time.RFC3339), "recommends": []string{"ca-certificates"}, "contents": contents,
		"rpm": map[string]any{"buildhost": "ssmbak", "summary": "Point-in-time backup and restore for AWS SSM Parameter Store", "group": "Applications/System"},
	}
}

// sharedContents writes the shared files into a directory, and returns their places: those of
// Debian and of Fedora.
// https://www.debian.org/doc/debian-policy/ch-docs.html
// https://docs.fedoraproject.org/en-US/packaging-guidelines/
func (r *release) sharedContents(temp string, s *shared) (all []content, err error) {
	add := func(name, destination, packager string, body []byte) {
		source := filepath.Join(temp, name)
		if err == nil {
			err = os.WriteFile(source, body, 0o600)
		}
		all = append(all, r.content(source, destination, packager, 0o644))
	}
	for _, name := range slices.Sorted(maps.Keys(s.manual)) {
		body, errCompressed := compressed(s.manual[name])
		if errCompressed != nil {
			return nil, errCompressed
		}
		add(name+".gz", "/usr/share/man/man1/"+name+".gz", "", body)
	}
	for _, program := range []string{"ssmbak", "ssmbak-stack"} {
		add(program+".bash", "/usr/share/bash-completion/completions/"+program, "", s.completions["bash"][program])
		add(program+".fish", "/usr/share/fish/vendor_completions.d/"+program+".fish", "", s.completions["fish"][program])
		add(program+".zsh", "/usr/share/zsh/vendor-completions/_"+program, "deb", s.completions["zsh"][program])
		add(program+".zsh", "/usr/share/zsh/site-functions/_"+program, "rpm", s.completions["zsh"][program])
	}
	add("copyright", "/usr/share/doc/ssmbak/copyright", "deb", slices.Concat(s.licence, []byte("\n"), s.notices))
	add("LICENSE", "/usr/share/licenses/ssmbak/LICENSE", "rpm", s.licence)
	add("NOTICES", "/usr/share/licenses/ssmbak/THIRD-PARTY-NOTICES", "rpm", s.notices)
	return all, err
}

func (r *release) content(source, destination, packager string, mode int) content {
	return content{source, destination, packager, fileInfo{mode, r.date.Format(time.RFC3339)}}
}
