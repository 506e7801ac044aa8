package ssmapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sort"
	"strconv"
	"strings"
)

type getInput struct {
	Name           *string
	WithDecryption *bool
}

type getManyInput struct {
	Names          []string
	WithDecryption *bool
}

type historyInput struct {
	Name           *string
	WithDecryption *bool
	MaxResults     *int
	NextToken      *string
}

// parameter is SDK, types.Parameter: no key, tier, policies, description,
// pattern, labels or user.
type parameter struct {
	ARN              string
	DataType         string
	LastModifiedDate epoch
	Name             string
	Selector         string `json:",omitempty"`
	Type             string
	Value            string
	Version          int64
}

// historyEntry is SDK, types.ParameterHistory.
type historyEntry struct {
	AllowedPattern   string `json:",omitempty"`
	DataType         string
	Description      string `json:",omitempty"`
	KeyId            string `json:",omitempty"`
	Labels           []string
	LastModifiedDate epoch
	LastModifiedUser string
	Name             string
	Policies         []inlinePolicy
	Tier             string
	Type             string
	Value            string
	Version          int64
}

// inlinePolicy is SDK, types.ParameterInlinePolicy.
type inlinePolicy struct{ PolicyStatus, PolicyText, PolicyType string }

func inline(policies []policy) []inlinePolicy {
	list := make([]inlinePolicy, len(policies))
	for i, p := range policies {
		list[i] = inlinePolicy{"Pending", p.text, p.Type}
	}
	return list
}

type getOutput struct{ Parameter parameter }

type getManyOutput struct {
	InvalidParameters []string
	Parameters        []parameter
}

type historyOutput struct {
	NextToken  string `json:",omitempty"`
	Parameters []historyEntry
}

func isTrue(b *bool) bool { return b != nil && *b }

// getParameter: SDK, Client.GetParameter. The answer's name is in the form
// that was asked for, and Selector has its colon
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html).
func (s *Store) getParameter(in *getInput) (any, error) {
	if in.Name == nil {
		return nil, constraint("null", "name", "not be null")
	}
	ref, err := s.reference(*in.Name, true)
	if err != nil {
		return nil, err
	}
	p, err := s.get("GetParameter", ref, isTrue(in.WithDecryption))
	if err != nil {
		return nil, err
	}
	return getOutput{p}, nil
}

func (s *Store) get(op string, ref reference, decrypt bool) (parameter, error) {
	var st *state
	if !ref.foreign {
		st = s.look(op, ref.name)
	}
	if st == nil {
		return parameter{}, notFound()
	}
	v, err := ref.choose(st)
	if err != nil {
		return parameter{}, err
	}
	value, err := s.value(ref.name, v, decrypt)
	if err != nil {
		return parameter{}, err
	}
	return parameter{
		ARN: s.parameterARN(ref.name), DataType: v.dataType, LastModifiedDate: epoch(v.time), Name: ref.shown,
		Selector: ref.selector, Type: v.typ, Value: value, Version: v.number,
	}, nil
}

// getParameters: SDK, Client.GetParameters. Names that are no parameter, or
// not a name, are InvalidParameters: "A list of parameters that aren't
// formatted correctly or don't run during an execution"; only spaces within a
// name fail the request. Results "are listed in alphabetical order".
func (s *Store) getParameters(in *getManyInput) (any, error) {
	if err := checkCount("names", len(in.Names)); err != nil {
		return nil, err
	}
	out := getManyOutput{[]string{}, []parameter{}}
	asked := map[string]bool{}
	for _, given := range in.Names {
		if strings.Contains(strings.Trim(given, " "), " ") {
			return nil, invalid(badName)
		}
		ref, err := s.reference(given, true)
		if err != nil {
			out.InvalidParameters = append(out.InvalidParameters, given)
			continue
		}
		if asked[ref.name+ref.selector] {
			return nil, invalid("The request names %s more than once.", ref.shown)
		}
		asked[ref.name+ref.selector] = true
		p, err := s.get("GetParameters", ref, isTrue(in.WithDecryption))
		if err != nil {
			if code := err.(*apiError).code; code == "InvalidKeyId" || code == "AccessDeniedException" {
				return nil, err
			}
			out.InvalidParameters = append(out.InvalidParameters, given)
			continue
		}
		out.Parameters = append(out.Parameters, p)
	}
	sort.Slice(out.Parameters, func(i, j int) bool {
		a, b := out.Parameters[i], out.Parameters[j]
		return a.Name+a.Selector < b.Name+b.Selector
	})
	return out, nil
}

// getParameterHistory: SDK, Client.GetParameterHistory. The versions that are
// kept, the current one included, come oldest first, at most 50 a page; tags
// are no part of it.
func (s *Store) getParameterHistory(in *historyInput) (any, error) {
	if in.Name == nil {
		return nil, constraint("null", "name", "not be null")
	}
	ref, err := s.reference(*in.Name, false)
	if err != nil {
		return nil, err
	}
	size, err := pageSize(in.MaxResults, 50, s.opt.HistoryPage)
	if err != nil {
		return nil, err
	}
	cursor, err := openToken(in.NextToken, "GetParameterHistory", ref.name)
	if err != nil {
		return nil, err
	}
	after, _ := strconv.ParseInt(cursor.key, 10, 64)
	var st *state
	if !ref.foreign {
		st = s.look("GetParameterHistory", ref.name)
	}
	if st == nil {
		return nil, notFound()
	}
	out := historyOutput{Parameters: []historyEntry{}}
	first := int(max(0, after+1-st.versions[0].number))
	for i := first; i < len(st.versions); i++ {
		if len(out.Parameters) == size {
			out.NextToken = token{key: strconv.FormatInt(st.versions[i-1].number, 10)}.seal("GetParameterHistory", ref.name)
			break
		}
		v := st.versions[i]
		value, err := s.value(ref.name, v, isTrue(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, historyEntry{
			AllowedPattern: v.pattern, DataType: v.dataType, Description: v.description, KeyId: v.keyID,
			Labels: st.labelsOf(v.number), LastModifiedDate: epoch(v.time), LastModifiedUser: v.user,
			Name: reported(ref.name), Policies: inline(v.policies), Tier: v.tier, Type: v.typ, Value: value, Version: v.number,
		})
	}
	return out, nil
}

// value returns what a read shows of a version's value: WithDecryption "is
// ignored for String and StringList parameter types" (SDK,
// GetParameterInput.WithDecryption).
func (s *Store) value(name string, v *version, decrypt bool) (string, error) {
	if v.typ != typeSecureString {
		return v.value, nil
	}
	if !decrypt {
		return ciphertext(name, v), nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.decrypt(v.keyID); err != nil {
		return "", err
	}
	return v.value, nil
}

// ciphertext returns text that looks like what KMS makes, the same for every
// read of a version and without anything of the value in it.
func ciphertext(name string, v *version) string {
	seed := binary.BigEndian.AppendUint64([]byte(name), uint64(v.time))
	sum := sha256.Sum256(seed)
	blob := append([]byte{1, 2, 2, 0, 0x78}, sum[:]...) // how KMS's begin: AQICAH
	for range 4 {
		sum = sha256.Sum256(sum[:])
		blob = append(blob, sum[:]...)
	}
	return base64.StdEncoding.EncodeToString(blob)
}
