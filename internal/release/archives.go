package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// archives makes ssmbak-OS-ARCH.tar.gz for each system but Windows: both programs with
// man pages, completions and licences.
func (r *release) archives(s *shared) error {
	for _, p := range r.programs {
		if p.name != "ssmbak" || p.os == "windows" {
			continue
		}
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		w := tar.NewWriter(z)
		add := func(name string, mode int64, body []byte, err error) error {
			if err == nil {
				err = w.WriteHeader(&tar.Header{Name: "ssmbak/" + name, Mode: mode, Size: int64(len(body)), ModTime: r.date, Format: tar.FormatPAX})
			}
			if err == nil {
				_, err = w.Write(body)
			}
			return err
		}
		for _, name := range []string{"ssmbak", "ssmbak-stack"} {
			body, err := os.ReadFile(filepath.Join(r.dir, name+"-"+p.os+"-"+p.arch))
			if err := add(name, 0o755, body, err); err != nil {
				return err
			}
		}
		files := map[string][]byte{"LICENSE": s.licence, "THIRD-PARTY-NOTICES": s.notices}
		for name, body := range s.manual {
			files["man/"+name] = body
		}
		for shell, scripts := range s.completions {
			for program, body := range scripts {
				files["completions/"+program+"."+shell] = body
			}
		}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if err := add(name, 0o644, files[name], nil); err != nil {
				return err
			}
		}
		if err := w.Close(); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		if err := r.write("ssmbak-"+p.os+"-"+p.arch+".tar.gz", out.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
