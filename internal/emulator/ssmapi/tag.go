package ssmapi

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

const maxTags = 50 // "Most resources can have a maximum of 50 tags" (SDK, Client.AddTagsToResource)

// tagText is the pattern of keys and values of tags
// (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_Tag.html).
var tagText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`) })

type tag struct{ Key, Value *string }

type addTagsInput struct {
	ResourceType, ResourceId *string
	Tags                     []tag
}

type removeTagsInput struct {
	ResourceType, ResourceId *string
	TagKeys                  []string
}

type listTagsInput struct{ ResourceType, ResourceId *string }

type listTagsOutput struct{ TagList []keyValue }

type keyValue struct{ Key, Value string }

// checkTags returns tags as a map. Keys of AWS itself cannot be written: "The
// aws: prefix is reserved for AWS use"
// (https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html).
func checkTags(given []tag) (map[string]string, error) {
	tags := make(map[string]string, len(given))
	for _, t := range given {
		if t.Key == nil || t.Value == nil {
			return nil, constraint("null", "tags.1.member", "not be null")
		}
		if err := checkTagKey(*t.Key); err != nil {
			return nil, err
		}
		if utf8.RuneCountInString(*t.Value) > 256 || !tagText().MatchString(*t.Value) {
			return nil, constraint("'"+*t.Value+"'", "tags.1.member.value", "have length less than or equal to 256 and satisfy regular expression pattern: "+tagText().String())
		}
		if _, twice := tags[*t.Key]; twice {
			return nil, invalid("The request has the tag key %s more than once.", *t.Key)
		}
		tags[*t.Key] = *t.Value
	}
	return tags, nil
}

func checkTagKey(key string) error {
	if n := utf8.RuneCountInString(key); n < 1 || n > 128 || !tagText().MatchString(key) {
		return constraint("'"+key+"'", "tags.1.member.key", "have length between 1 and 128 and satisfy regular expression pattern: "+tagText().String())
	}
	if strings.HasPrefix(strings.ToLower(key), "aws:") {
		return invalid("The tag key %s begins with aws:, which is reserved for system use.", key)
	}
	return nil
}

// resource returns the name of the parameter that a tag operation is about.
// Only parameters exist here; they are named by name, not by ARN (SDK,
// AddTagsToResourceInput.ResourceId).
func (s *Store) resource(resourceType, id *string) (string, error) {
	if resourceType == nil {
		return "", constraint("null", "resourceType", "not be null")
	}
	if id == nil {
		return "", constraint("null", "resourceId", "not be null")
	}
	if *resourceType != "Parameter" {
		if slices.Contains([]string{"Document", "ManagedInstance", "MaintenanceWindow", "PatchBaseline", "OpsItem", "OpsMetadata", "Automation", "Association"}, *resourceType) {
			return "", invalidResource()
		}
		return "", refuse("InvalidResourceType", "The resource type isn't valid.")
	}
	name, err := s.canonical(*id)
	if err != nil {
		return "", invalidResource()
	}
	return name, nil
}

func invalidResource() error {
	return refuse("InvalidResourceId", "The resource ID isn't valid. Verify that you entered the correct ID and try again.")
}

// addTagsToResource: SDK, Client.AddTagsToResource.
func (s *Store) addTagsToResource(in *addTagsInput) (any, error) {
	if in.Tags == nil {
		return nil, constraint("null", "tags", "not be null")
	}
	tags, err := checkTags(in.Tags)
	if err != nil {
		return nil, err
	}
	return s.retag(in.ResourceType, in.ResourceId, func(now map[string]string) { maps.Copy(now, tags) })
}

// removeTagsFromResource: SDK, Client.RemoveTagsFromResource. A key that is no
// tag of the resource is no error.
func (s *Store) removeTagsFromResource(in *removeTagsInput) (any, error) {
	if in.TagKeys == nil {
		return nil, constraint("null", "tagKeys", "not be null")
	}
	for _, key := range in.TagKeys {
		if err := checkTagKey(key); err != nil {
			return nil, err
		}
	}
	return s.retag(in.ResourceType, in.ResourceId, func(now map[string]string) {
		for _, key := range in.TagKeys {
			delete(now, key)
		}
	})
}

// retag changes the tags of a parameter and sends an event if they are different
// then.
func (s *Store) retag(resourceType, id *string, edit func(map[string]string)) (any, error) {
	name, err := s.resource(resourceType, id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := s.records[name]
	st := rec.current()
	if st == nil {
		return nil, invalidResource()
	}
	next := *st
	next.tags = maps.Clone(st.tags)
	if next.tags == nil {
		next.tags = map[string]string{}
	}
	edit(next.tags)
	if len(next.tags) > maxTags { // SDK, TooManyTagsError
		return nil, refuse("TooManyTagsError", "A parameter can have %d tags.", maxTags)
	}
	changed := differentKeys(st.tags, next.tags)
	if len(changed) == 0 {
		return struct{}{}, nil
	}
	next.tagChanges++
	ms := s.tick(rec)
	s.apply(rec, "Tags", ms, &next)
	s.retagged(rec, ms, &next, changed)
	return struct{}{}, nil
}

// differentKeys returns the keys whose value, or presence, differs, sorted.
func differentKeys(a, b map[string]string) []string {
	keys := map[string]bool{}
	for _, pair := range [][2]map[string]string{{a, b}, {b, a}} {
		for key, value := range pair[0] {
			if other, ok := pair[1][key]; !ok || other != value {
				keys[key] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// listTagsForResource: SDK, Client.ListTagsForResource.
func (s *Store) listTagsForResource(in *listTagsInput) (any, error) {
	name, err := s.resource(in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	st := s.look("ListTagsForResource", name)
	if st == nil {
		return nil, invalidResource()
	}
	return listTagsOutput{tagList(st.tags)}, nil
}

// tagList returns tags sorted by key, never nil.
func tagList(tags map[string]string) []keyValue {
	list := make([]keyValue, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, keyValue{key, tags[key]})
	}
	return list
}
