package ssmapi

type deleteInput struct{ Name *string }

type deleteManyInput struct{ Names []string }

type deleteManyOutput struct{ DeletedParameters, InvalidParameters []string }

// deleteParameter: SDK, Client.DeleteParameter. All versions, labels and tags
// are gone with it.
func (s *Store) deleteParameter(in *deleteInput) (any, error) {
	if in.Name == nil {
		return nil, constraint("null", "name", "not be null")
	}
	name, err := s.canonical(*in.Name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := s.records[name]
	if rec.current() == nil {
		return nil, notFound()
	}
	s.delete(rec)
	return struct{}{}, nil
}

// deleteParameters: SDK, Client.DeleteParameters. Names that are no parameter
// "aren't valid" and reported as such.
func (s *Store) deleteParameters(in *deleteManyInput) (any, error) {
	if err := checkCount("names", len(in.Names)); err != nil {
		return nil, err
	}
	out := deleteManyOutput{[]string{}, []string{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, given := range in.Names {
		name, err := s.canonical(given)
		if err != nil || s.records[name].current() == nil {
			out.InvalidParameters = append(out.InvalidParameters, given)
			continue
		}
		s.delete(s.records[name])
		out.DeletedParameters = append(out.DeletedParameters, given)
	}
	return out, nil
}

// delete deletes a live parameter. The lock is held.
func (s *Store) delete(rec *record) {
	v := rec.current().latest()
	ms := s.tick(rec)
	s.forgetImages(rec.name)
	s.apply(rec, "Delete", ms, nil)
	s.changed(rec, "Delete", ms, v)
}

// checkCount: lists of names and of labels have 1 to 10 members
// (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
// and the pages next to it).
func checkCount(member string, n int) error {
	switch {
	case n < 1:
		return constraint("'[]'", member, "have length greater than or equal to 1")
	case n > 10:
		return constraint("of the given length", member, "have length less than or equal to 10")
	}
	return nil
}
