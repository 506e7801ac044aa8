package main

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// The parts of a bill of materials that this program writes.
// https://cyclonedx.org/docs/1.6/json/
type (
	bom struct {
		Schema       string       `json:"$schema"`
		Format       string       `json:"bomFormat"`
		SpecVersion  string       `json:"specVersion"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp"`
		Component component `json:"component"`
	}
	component struct {
		Type       string     `json:"type"`
		Ref        string     `json:"bom-ref"`
		Name       string     `json:"name"`
		Version    string     `json:"version"`
		URL        string     `json:"purl,omitempty"`
		Hashes     []hash     `json:"hashes,omitempty"`
		Properties []property `json:"properties,omitempty"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn"`
	}
)

// purl returns the package URL of a Go module.
// https://github.com/package-url/purl-spec/blob/main/types-doc/golang-definition.md
func purl(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}

// bill writes the bill of materials, in CycloneDX's JSON: each program with the modules
// that its own build information names.
func (r *release) bill() error {
	b := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata: metadata{
			Timestamp: r.date.Format(time.RFC3339),
			Component: component{Type: "application", Ref: "ssmbak", Name: "ssmbak", Version: r.version, URL: purl(module, r.version)},
		},
	}
	libraries := make(map[string]component)
	all := dependency{Ref: "ssmbak"}
	for _, p := range r.programs {
		ref := "file:" + p.file
		std := purl("std", strings.TrimPrefix(p.info.GoVersion, "go"))
		libraries[std] = component{Type: "library", Ref: std, Name: "std", Version: p.info.GoVersion, URL: std}
		needs := dependency{Ref: ref, DependsOn: []string{std}}
		for _, m := range p.info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			url := purl(m.Path, m.Version)
			libraries[url] = component{
				Type: "library", Ref: url, Name: m.Path, Version: m.Version, URL: url,
				Properties: []property{{"ssmbak:go.sum", m.Sum}},
			}
			needs.DependsOn = append(needs.DependsOn, url)
		}
		slices.Sort(needs.DependsOn)
		b.Components = append(b.Components, component{
			Type: "application", Ref: ref, Name: p.name, Version: r.version,
			Hashes:     []hash{{"SHA-256", hex.EncodeToString(p.sum[:])}},
			Properties: []property{{"ssmbak:platform", p.os + "/" + p.arch}},
		})
		b.Dependencies = append(b.Dependencies, needs)
		all.DependsOn = append(all.DependsOn, ref)
	}
	b.Dependencies = append(b.Dependencies, all)
	for _, ref := range slices.Sorted(maps.Keys(libraries)) {
		b.Components = append(b.Components, libraries[ref])
		b.Dependencies = append(b.Dependencies, dependency{Ref: ref, DependsOn: []string{}})
	}
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return r.write("ssmbak.cdx.json", append(text, '\n'))
}
