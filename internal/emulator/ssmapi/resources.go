package ssmapi

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// The doc comments of the AWS SDK for Go named here are those of
// service/resourcegroupstaggingapi.

type tagFilter struct {
	Key    *string
	Values []string
}

type resourcesInput struct {
	PaginationToken     *string
	ResourceARNList     []string
	ResourceTypeFilters []string
	ResourcesPerPage    *int
	TagFilters          []tagFilter
	TagsPerPage         *int
}

type resourceMapping struct {
	ResourceARN string
	Tags        []keyValue
}

type resourcesOutput struct {
	PaginationToken        string
	ResourceTagMappingList []resourceMapping
}

// tokenLife: "A PaginationToken is valid for a maximum of 15 minutes" (SDK,
// PaginationTokenExpiredException).
const tokenLife = 15 * time.Minute

func invalidTagging(format string, args ...any) error {
	return refuse("InvalidParameterException", format, args...)
}

// getResources: SDK, Client.GetResources. It returns "all the tagged or
// previously tagged resources"; the latter "are shown with an empty tag set",
// and not at all where TagFilters ask for tags.
func (s *Store) getResources(in *resourcesInput) (any, error) {
	size, err := in.check()
	if err != nil {
		return nil, err
	}
	out := resourcesOutput{ResourceTagMappingList: []resourceMapping{}}
	take := func(name string, st *state) (bool, error) {
		if st.tagChanges == 0 || !in.match(st.tags) {
			return false, nil
		}
		out.ResourceTagMappingList = append(out.ResourceTagMappingList, resourceMapping{s.parameterARN(name), tagList(st.tags)})
		return true, nil
	}
	if in.ResourceARNList != nil {
		for _, arn := range in.ResourceARNList {
			if bare, ok := strings.CutPrefix(arn, s.arn); ok {
				st := s.look("GetResources", "/"+bare)
				if st == nil {
					st = s.lingering(s.logOf("/" + bare))
				}
				if st != nil {
					_, _ = take("/"+bare, st)
				}
			}
		}
		return out, nil
	}
	// Only parameters exist here.
	if len(in.ResourceTypeFilters) > 0 && !slices.Contains(in.ResourceTypeFilters, "ssm") && !slices.Contains(in.ResourceTypeFilters, "ssm:parameter") {
		return out, nil
	}
	request := requestOf(in.ResourceTypeFilters, in.TagFilters)
	born, cursor, err := in.open(request)
	if err != nil {
		return nil, err
	}
	if in.PaginationToken != nil && *in.PaginationToken != "" && s.opt.Now().Sub(born) > tokenLife {
		return nil, refuse("PaginationTokenExpiredException", "The PaginationToken has expired.")
	}
	next, err := s.walk(listing{
		op: "GetResources", request: request, span: all, size: size, take: take, lingers: true,
		names: func(s *Store) *nameList {
			if s.opt.StaleBy != nil || s.opt.DeletedLinger > 0 {
				return &s.ever
			}
			return &s.tagged
		},
	}, cursor)
	if next != "" {
		out.PaginationToken = strconv.FormatInt(s.opt.Now().UnixMilli(), 36) + "." + next
	}
	return out, err
}

// lingering returns the last state of a parameter that was deleted no longer ago
// than [Options.DeletedLinger].
func (s *Store) lingering(log []change) *state {
	n := len(log)
	if n < 2 || log[n-1].state != nil || s.opt.Now().UnixMilli()-log[n-1].time >= s.opt.DeletedLinger.Milliseconds() {
		return nil
	}
	return log[n-2].state
}

// check holds a request against the limits that SDK, GetResourcesInput, names.
func (in *resourcesInput) check() (size int, err error) {
	size = 50
	if in.ResourcesPerPage != nil {
		if size = *in.ResourcesPerPage; size < 1 || size > 100 {
			return 0, invalidTagging("ResourcesPerPage must be between 1 and 100.")
		}
	}
	switch {
	case in.TagsPerPage != nil: // "AWS recommends using ResourcesPerPage instead"
		return 0, invalidTagging("TagsPerPage is not supported here.")
	case in.ResourceARNList != nil && (in.ResourceTypeFilters != nil || in.TagFilters != nil || in.ResourcesPerPage != nil || in.PaginationToken != nil):
		return 0, invalidTagging("ResourceARNList cannot be combined with filters or pagination.")
	case len(in.ResourceTypeFilters) > 100 || len(in.TagFilters) > 50:
		return 0, invalidTagging("The request has too many filters.")
	}
	for _, f := range in.TagFilters {
		if f.Key == nil || *f.Key == "" || len(f.Values) > 20 {
			return 0, invalidTagging("A tag filter needs a key and can have 20 values.")
		}
	}
	return size, nil
}

// match: "the response returns only those resources that satisfy all filters",
// each by any of its values, or by its key alone.
func (in *resourcesInput) match(tags map[string]string) bool {
	for _, f := range in.TagFilters {
		value, ok := tags[*f.Key]
		if !ok || len(f.Values) > 0 && !slices.Contains(f.Values, value) {
			return false
		}
	}
	return true
}

// open decodes a PaginationToken: when it was created, and where to continue.
func (in *resourcesInput) open(request string) (born time.Time, at token, err error) {
	if in.PaginationToken == nil || *in.PaginationToken == "" {
		return born, at, nil
	}
	stamp, sealed, _ := strings.Cut(*in.PaginationToken, ".")
	ms, err := strconv.ParseInt(stamp, 36, 64)
	if err == nil {
		at, err = openToken(&sealed, "GetResources", request)
	}
	if err != nil {
		return born, at, invalidTagging("The PaginationToken is not valid.")
	}
	return time.UnixMilli(ms), at, nil
}
