package ssmapi

import (
	"maps"
	"strings"
	"unicode/utf8"
)

const (
	maxLabels      = 10  // of one version
	maxLabelLength = 100 // characters
)

type labelInput struct {
	Name             *string
	Labels           []string
	ParameterVersion *int64
}

type labelOutput struct {
	InvalidLabels    []string
	ParameterVersion int64
}

type unlabelOutput struct{ InvalidLabels, RemovedLabels []string }

func (in *labelInput) check() error {
	if in.Name == nil {
		return constraint("null", "name", "not be null")
	}
	if err := checkCount("labels", len(in.Labels)); err != nil {
		return err
	}
	for _, label := range in.Labels {
		if n := utf8.RuneCountInString(label); n < 1 || n > maxLabelLength {
			return constraint("of the given length", "labels", "satisfy constraint: [Member must have length less than or equal to 100, Member must have length greater than or equal to 1]")
		}
	}
	return nil
}

// versionFor returns the record, its state and the version that a label
// operation is about; without a number "the system attaches the label to the
// latest version" (SDK, LabelParameterVersionInput.ParameterVersion). The lock
// is held.
func (s *Store) versionFor(in *labelInput) (*record, *state, *version, error) {
	name, err := s.canonical(*in.Name)
	if err != nil {
		return nil, nil, nil, err
	}
	rec := s.records[name]
	st := rec.current()
	if st == nil {
		return nil, nil, nil, notFound()
	}
	if in.ParameterVersion == nil {
		return rec, st, st.latest(), nil
	}
	v := st.numbered(*in.ParameterVersion)
	if v == nil {
		return nil, nil, nil, refuse("ParameterVersionNotFound", "Systems Manager could not find version %d of %s. Verify the version and try again.", *in.ParameterVersion, *in.Name)
	}
	return rec, st, v, nil
}

// labelParameterVersion: SDK, Client.LabelParameterVersion. A label is attached to
// one version only and moves there; labels that break the rules are returned,
// the others take effect.
func (s *Store) labelParameterVersion(in *labelInput) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rec, st, v, err := s.versionFor(in)
	if err != nil {
		return nil, err
	}
	out := labelOutput{[]string{}, v.number}
	next := *st
	next.labels = maps.Clone(st.labels)
	if next.labels == nil {
		next.labels = map[string]int64{}
	}
	for _, label := range in.Labels {
		if !validLabel(label) {
			out.InvalidLabels = append(out.InvalidLabels, label)
			continue
		}
		next.labels[label] = v.number
	}
	if len(next.labelsOf(v.number)) > maxLabels { // SDK, ParameterVersionLabelLimitExceeded
		return nil, refuse("ParameterVersionLabelLimitExceeded", "A parameter version can have maximum %d labels. Move one or more labels to another version and try again.", maxLabels)
	}
	if !maps.Equal(next.labels, st.labels) {
		ms := s.tick(rec)
		s.apply(rec, "Labels", ms, &next)
		for _, label := range in.Labels {
			if to, from := next.labels[label], st.labels[label]; to != from {
				s.labelled(rec, "LabelParameterVersion", ms, st.latest(), label, from, to)
			}
		}
	}
	return out, nil
}

// validLabel: "Labels can contain letters (case sensitive), numbers, periods,
// hyphens, or underscores" and "can't begin with a number, aws or ssm (not
// case sensitive)" (SDK, Client.LabelParameterVersion).
func validLabel(label string) bool {
	lower := strings.ToLower(label)
	return plain(label) && !('0' <= label[0] && label[0] <= '9') && !strings.HasPrefix(lower, "aws") && !strings.HasPrefix(lower, "ssm")
}

// unlabelParameterVersion: SDK, Client.UnlabelParameterVersion. "If it isn't
// present, the call will fail" is said of ParameterVersion.
func (s *Store) unlabelParameterVersion(in *labelInput) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if in.ParameterVersion == nil {
		return nil, constraint("null", "parameterVersion", "not be null")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rec, st, v, err := s.versionFor(in)
	if err != nil {
		return nil, err
	}
	out := unlabelOutput{[]string{}, []string{}}
	next := *st
	next.labels = maps.Clone(st.labels)
	for _, label := range in.Labels {
		if next.labels[label] != v.number {
			out.InvalidLabels = append(out.InvalidLabels, label)
			continue
		}
		delete(next.labels, label)
		out.RemovedLabels = append(out.RemovedLabels, label)
	}
	if len(out.RemovedLabels) > 0 {
		ms := s.tick(rec)
		s.apply(rec, "Labels", ms, &next)
		if s.opt.UnlabelOperation != "" {
			for _, label := range out.RemovedLabels {
				s.labelled(rec, s.opt.UnlabelOperation, ms, st.latest(), label, v.number, 0)
			}
		}
	}
	return out, nil
}
