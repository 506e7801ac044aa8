package plan

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/ssmbak/ssmbak"
)

// The data types that Parameter Store validates by what they stand for. The value
// of an image is validated after Parameter Store has answered, so that the answer
// proves nothing.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html
const (
	DataTypeImage = "aws:ec2:image"
	integration   = "aws:ssm:integration"
)

// fixed reports whether Parameter Store does not change the one data type to the
// other in place, as it is for those that it validates.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-data-types.html
// https://github.com/hashicorp/terraform-provider-aws/pull/35960
func fixed(from, to string) bool {
	return from != to && (validated(from) || validated(to))
}

func validated(dataType string) bool { return dataType == DataTypeImage || dataType == integration }

// dataTypes returns the live data type, and the wanted one, of a parameter that
// is there.
func (c *Case) dataTypes() (live, wanted string) {
	v := c.After.Version
	if original(c.After) {
		v = fill(v, c.Before)
	}
	return Defaulted(c.Before.Version.Attributes).DataType, Defaulted(v.Attributes).DataType
}

// imageID is what the value of an image looks like.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html
var imageID = regexp.MustCompile(`^ami-[0-9a-f]{8}([0-9a-f]{9})?$`)

// misfit says why a value cannot be written under a live data type that stays, ""
// if it can: Parameter Store would refuse it, or accept it and store nothing.
func (c *Case) misfit(w Write) string {
	live, wanted := c.dataTypes()
	unchanged := w.Type == c.Before.Version.Type && c.Before.Value.IsKnown() && c.Before.Value.V.Equal(w.Value)
	switch {
	case !fixed(live, wanted), unchanged, fits(live, w.Type, w.Value.Reveal()):
		return ""
	case live == DataTypeImage && w.Type == ssmbak.TypeString && imageID.MatchString(w.Value.Reveal()):
		return ""
	}
	return fmt.Sprintf("its data type is %s and was %s: %s in place; --replace deletes it and creates it anew", live, wanted, reasonDataType)
}

// fits reports whether a data type that Parameter Store validates by what a value
// looks like takes one; of a StringList each item. Others take any value.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-data-types.html
func fits(dataType string, kind ssmbak.Type, value string) bool {
	items := []string{value}
	if kind == ssmbak.TypeStringList {
		items = strings.Split(value, ",")
	}
	for _, item := range items {
		var err error
		switch dataType {
		case DataTypeImage, integration:
			return false // it is looked at elsewhere
		case "integer":
			_, err = strconv.ParseInt(item, 10, 64)
		case "float":
			_, err = strconv.ParseFloat(item, 64)
		}
		if err != nil {
			return false
		}
	}
	return true
}

// ChangesDataType reports whether the item's new version has another data type
// than the live one.
func (i *Item) ChangesDataType() bool {
	return i.Action == ActionUpdate && i.Before != nil && i.Write.DataType != Defaulted(i.Before.Version.Attributes).DataType
}
