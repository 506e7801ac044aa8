package ssmapi

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	typeString       = "String"
	typeStringList   = "StringList"
	typeSecureString = "SecureString"

	tierStandard    = "Standard"
	tierAdvanced    = "Advanced"
	tierIntelligent = "Intelligent-Tiering"

	// defaultKey is the key of a SecureString without a KeyId
	// (https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html).
	defaultKey = "alias/aws/ssm"

	// Values have at most 4 KB and 8 KB (SDK, PutParameterInput.Value). AWS's
	// message speaks of characters; bytes are never fewer.
	maxStandardValue = 4096
	maxAdvancedValue = 8192
)

var (
	nestedValue = regexp.MustCompile(`(?s)\{\{.*\}\}`)
	keyIDForm   = regexp.MustCompile(`^[a-zA-Z0-9:/_-]+$`)
)

type putInput struct {
	Name, Value                                                        *string
	AllowedPattern, DataType, Description, KeyId, Policies, Tier, Type *string
	Overwrite                                                          *bool
	Tags                                                               []tag

	caller string // the ARN of who sends it
}

func (in *putInput) setCaller(arn string) { in.caller = arn }

type putOutput struct {
	Tier    string
	Version int64
}

// putParameter creates a parameter or, with Overwrite, makes a new version of
// it (SDK, Client.PutParameter).
func (s *Store) putParameter(in *putInput) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	name, err := s.canonical(*in.Name)
	if err != nil {
		return nil, err
	}
	tags, err := in.tags()
	if err != nil {
		return nil, err
	}
	policies, err := s.parsePolicies(in.Policies)
	if err != nil {
		return nil, err
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	rec := s.record(name)
	if err := s.tooMany(rec); err != nil {
		return nil, err
	}
	if s.validating(name) {
		// "If you attempt to create or update the parameter again before the
		// validation process completes, the system reports that validation is
		// still in process"
		// (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html).
		return nil, invalid("The validation of parameter %s is still in process.", name)
	}
	v, err := s.next(rec, in, policies)
	if err != nil {
		return nil, err
	}
	out := putOutput{v.tier, v.number}
	if v.dataType == dataImage {
		s.startImage(rec, v, tags)
	} else {
		s.commit(rec, v, tags)
	}
	return out, nil
}

// check holds a request against the limits of the model (SDK,
// PutParameterInput; the numbers are in
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html).
func (in *putInput) check() error {
	switch {
	case in.Name == nil:
		return constraint("null", "name", "not be null")
	case in.Value == nil:
		return constraint("null", "value", "not be null")
	case *in.Value == "":
		return constraint("''", "value", "have length greater than or equal to 1")
	}
	for _, limited := range []struct {
		member   string
		value    *string
		min, max int
	}{
		{"description", in.Description, 0, 1024},
		{"allowedPattern", in.AllowedPattern, 0, 1024},
		{"keyId", in.KeyId, 1, 256},
		{"policies", in.Policies, 1, 4096},
		{"dataType", in.DataType, 0, 128},
	} {
		if limited.value == nil {
			continue
		}
		switch n := utf8.RuneCountInString(*limited.value); {
		case n < limited.min:
			return constraint("''", limited.member, "have length greater than or equal to 1")
		case n > limited.max:
			return constraint("of the given length", limited.member, "have a smaller length")
		}
	}
	if in.KeyId != nil && !keyIDForm.MatchString(*in.KeyId) {
		return constraint("'"+*in.KeyId+"'", "keyId", "satisfy regular expression pattern: ^([a-zA-Z0-9:/_-]+)$")
	}
	if in.Type != nil && !slices.Contains(parameterTypes, *in.Type) {
		return constraint("'"+*in.Type+"'", "type", "satisfy enum value set: [SecureString, StringList, String]")
	}
	if in.Tier != nil && !slices.Contains(parameterTiers, *in.Tier) {
		return constraint("'"+*in.Tier+"'", "tier", "satisfy enum value set: [Standard, Advanced, Intelligent-Tiering]")
	}
	// "You can't include values wrapped in double brackets {{}} or
	// {{ssm:parameter-name}} in a parameter value" (SDK,
	// PutParameterInput.Value).
	if nestedValue.MatchString(*in.Value) {
		return invalid(`Parameter value can't nest another parameter. Do not use "{{}}" in the value.`)
	}
	return nil
}

var (
	parameterTypes = []string{typeSecureString, typeStringList, typeString}
	parameterTiers = []string{tierStandard, tierAdvanced, tierIntelligent}
)

func (in *putInput) overwrite() bool { return in.Overwrite != nil && *in.Overwrite }

// tags returns the tags of a create. Tags are for a new parameter only: "To
// add tags to an existing Systems Manager parameter, use the AddTagsToResource
// operation" (SDK, PutParameterInput.Tags); AWS refuses them together with
// Overwrite in these words
// (https://github.com/hashicorp/terraform-provider-aws/issues/18550).
func (in *putInput) tags() (map[string]string, error) {
	if len(in.Tags) == 0 {
		return nil, nil
	}
	if in.overwrite() {
		return nil, invalid("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	}
	tags, err := checkTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if len(tags) > maxTags {
		return nil, invalid("A parameter can have %d tags.", maxTags)
	}
	return tags, nil
}

// next returns the version that a request makes of the record, or why there is
// none. The lock is held.
func (s *Store) next(rec *record, in *putInput, policies *[]policy) (*version, error) {
	st := rec.current()
	v := &version{number: 1, value: *in.Value, user: in.caller}
	var old *version // what an update leaves in place
	if st != nil {
		old = st.latest()
		v.number = old.number + 1
	}
	if err := s.mayPut(rec, st, in); err != nil {
		return nil, err
	}
	for _, decide := range []func(*version, *version, *putInput) error{decideType, s.decideKey, s.decideDataType} {
		if err := decide(v, old, in); err != nil {
			return nil, err
		}
	}
	v.description = orOld(in.Description, old, func(v *version) string { return v.description })
	v.pattern = orOld(in.AllowedPattern, old, func(v *version) string { return v.pattern })
	if err := matchPattern(v); err != nil {
		return nil, err
	}
	// "All existing policies are preserved until you send new policies or an
	// empty policy" (SDK, PutParameterInput.Policies).
	if policies != nil {
		v.policies = *policies
	} else if old != nil {
		v.policies = old.policies
	}
	if err := s.decideTier(v, old, in, policies); err != nil {
		return nil, err
	}
	return v, s.roomForVersion(rec, st)
}

func (s *Store) mayPut(rec *record, st *state, in *putInput) error {
	if st != nil {
		if !in.overwrite() {
			return refuse("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
		}
		return nil
	}
	if n := len(rec.log); s.opt.RecreateWait > 0 && n > 0 && s.opt.Now().UnixMilli()-rec.log[n-1].time < s.opt.RecreateWait.Milliseconds() {
		return refuse("TooManyUpdates", "The parameter was deleted less than %s ago.", s.opt.RecreateWait)
	}
	return nil
}

// roomForVersion refuses a new version if the oldest of all that are kept
// would have to go and has a label (SDK, ParameterMaxVersionLimitExceeded).
func (s *Store) roomForVersion(rec *record, st *state) error {
	if st == nil || len(st.versions) < s.opt.MaxVersions {
		return nil
	}
	oldest := st.versions[0].number
	if len(st.labelsOf(oldest)) == 0 {
		return nil
	}
	return refuse("ParameterMaxVersionLimitExceeded", "You attempted to create a new version of %s by calling the PutParameter API with the overwrite flag. "+
		"Version %d, the oldest version, can't be deleted because it has a label associated with it. "+
		"Move the label to another version of the parameter, and try again.", rec.name, oldest)
}

// decideType: "Specifying a parameter type isn't required when updating a
// parameter. You must specify a parameter type when creating a parameter" (SDK,
// PutParameterInput.Type). The SDK says of HierarchyTypeMismatchException that
// a type cannot be changed, but String and SecureString do change into each
// other (acceptance tests of
// https://github.com/hashicorp/terraform-provider-aws, internal/service/ssm,
// parameter_test.go); for StringList nothing contradicts the SDK.
func decideType(v, old *version, in *putInput) error {
	switch {
	case in.Type != nil:
		v.typ = *in.Type
	case old != nil:
		v.typ = old.typ
	default:
		return invalid("A parameter type is required when you create a parameter.")
	}
	if old != nil && v.typ != old.typ && (v.typ == typeStringList || old.typ == typeStringList) {
		return refuse("HierarchyTypeMismatchException", "Parameter Store doesn't support changing a parameter from %s to %s.", old.typ, v.typ)
	}
	return nil
}

// decideKey: a key is for a SecureString, and without one the default key is
// used (SDK, PutParameterInput.KeyId). Of an overwrite see
// [Options.OmittedKeyKept].
func (s *Store) decideKey(v, old *version, in *putInput) error {
	if v.typ != typeSecureString {
		if in.KeyId != nil {
			return invalid("KeyId is required for SecureString type parameter only.")
		}
		return nil
	}
	v.keyID = defaultKey
	switch {
	case in.KeyId != nil:
		v.keyID = *in.KeyId
	case s.opt.OmittedKeyKept && old != nil && old.typ == typeSecureString:
		v.keyID = old.keyID
	}
	return s.encrypt(v.keyID)
}

// orOld returns a member of a request or, if an overwrite omits it,
// what it was: the acceptance tests of
// https://github.com/hashicorp/terraform-provider-aws (internal/service/ssm,
// parameter_test.go) update values without sending what did not change and
// read it back.
func orOld(given *string, old *version, get func(*version) string) string {
	switch {
	case given != nil:
		return *given
	case old != nil:
		return get(old)
	}
	return ""
}

// matchPattern: "A regular expression used to validate the parameter value"
// (SDK, PutParameterInput.AllowedPattern). The complete value must match, which
// is never kinder than finding the pattern somewhere in it.
func matchPattern(v *version) error {
	if v.pattern == "" {
		return nil
	}
	if _, err := regexp.Compile(v.pattern); err != nil {
		return refuse("InvalidAllowedPatternException", "The request does not meet the regular expression requirement: the allowed pattern is not valid.")
	}
	if full := regexp.MustCompile(`\A(?:` + v.pattern + `)\z`); !full.MatchString(v.value) {
		return refuse("ParameterPatternMismatchException", "Parameter value, cannot be validated against allowedPattern: %s", v.pattern)
	}
	return nil
}

// decideTier: the rules of SDK, PutParameterInput.Tier. given are the policies
// of the request, nil if it has none.
func (s *Store) decideTier(v, old *version, in *putInput, given *[]policy) error {
	tier := s.opt.DefaultTier
	if in.Tier != nil {
		tier = *in.Tier
	}
	isAdvanced := old != nil && old.tier == tierAdvanced
	if tier == tierIntelligent {
		tier = tierStandard
		newStandard := old == nil && s.standard >= s.opt.MaxStandard
		if isAdvanced || len(v.value) > maxStandardValue || len(v.policies) > 0 || newStandard {
			tier = tierAdvanced
		}
	}
	v.tier = tier
	if tier == tierAdvanced {
		switch {
		case len(v.value) > maxAdvancedValue:
			return invalid("Advanced tier parameters support a maximum parameter value of %d characters.", maxAdvancedValue)
		case !isAdvanced && s.advanced >= s.opt.MaxAdvanced:
			return parameterLimit(s.opt.MaxAdvanced, tier)
		}
		return nil
	}
	switch {
	case isAdvanced:
		return invalid("This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.")
	case len(v.value) > maxStandardValue:
		return invalid("Standard tier parameters support a maximum parameter value of %d characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.", maxStandardValue)
	case given != nil && len(*given) > 0:
		return invalid("Parameter policies are available for parameters that use the advanced-parameter tier.")
	case old == nil && s.standard >= s.opt.MaxStandard:
		return parameterLimit(s.opt.MaxStandard, tier)
	}
	return nil
}

func parameterLimit(n int, tier string) error {
	return refuse("ParameterLimitExceeded", "You have exceeded the number of %d %s parameters for this account.", n, strings.ToLower(tier))
}

// commit makes v the newest version of the record. The lock is held.
func (s *Store) commit(rec *record, v *version, tags map[string]string) {
	ms := s.tick(rec)
	v.time = ms
	st, op := &state{}, "Create"
	if before := rec.current(); before != nil {
		*st, op = *before, "Update"
		if s.opt.StepBack != nil {
			if back := s.opt.StepBack(rec.name, v.number); back > 0 {
				v.time = before.latest().time - back.Milliseconds()
			}
		}
	}
	if len(tags) > 0 { // on create only
		st.tags, st.tagChanges = tags, 1
	}
	kept := st.versions
	if n := len(kept) + 1 - s.opt.MaxVersions; n > 0 {
		kept = kept[n:]
	}
	st.versions = append(kept, v) // states that share the array end before v
	s.apply(rec, op, ms, st)
	s.changed(rec, op, ms, v)
}
