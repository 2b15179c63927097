package modelfile

// form is what a value looks like, for people and for the JSON Schema.
type form struct {
	text   string
	schema schema
}

func pattern(text, regexp string) form { return form{text, schema{Type: "string", Pattern: regexp}} }

func words(list ...string) form {
	text := ""
	for i, w := range list {
		if i > 0 {
			text += ", "
		}
		text += w
	}
	return form{text, schema{Enum: list}}
}

func listOf(f form) form {
	item := f.schema
	return form{"list of " + f.text, schema{Type: "array", Items: &item}}
}

func oneOrMore(f form) form {
	item, list := f.schema, listOf(f).schema
	return form{f.text + ", or a list", schema{AnyOf: []*schema{&item, &list}}}
}

func mapOf(key string, f form) form {
	value := f.schema
	return form{"map of " + key + " to " + f.text, schema{Type: "object", Additional: &additional{&value}}}
}

func either(text string, forms ...form) form {
	out := form{text: text}
	for i := range forms {
		out.schema.AnyOf = append(out.schema.AnyOf, &forms[i].schema)
	}
	return out
}

func objectForm(text string, fields []field) form { return form{text, objectSchema(fields)} }

const nameRule = `^[a-z][a-z0-9-]{0,62}$`

// The forms of scalars.
func textForm() form       { return form{"text", schema{Type: "string"}} }
func nameForm() form       { return pattern("name", nameRule) }
func columnForm() form     { return form{"column", schema{Type: "string"}} }
func expressionForm() form { return form{"expression", schema{Type: "string"}} }
func fileForm() form       { return form{"file", schema{Type: "string"}} }
func booleanForm() form    { return form{"true or false", schema{Type: "boolean"}} }
func wholeForm() form      { return form{"whole number", schema{Type: "integer"}} }
func numberForm() form     { return form{"number", schema{Type: "number"}} }
func durationForm() form   { return pattern("duration (15m, 3h, 31d)", `^[0-9]+[smhd]$`) }
func moneyForm() form      { return pattern("money ($500)", `^\$[0-9,]+(\.[0-9]{1,6})?$`) }
func monthlyForm() form {
	return pattern("money a month ($20/month)", `^\$[0-9,]+(\.[0-9]{1,6})?/month$`)
}
func shareForm() form {
	return either("share (10% or 0.1)", pattern("percent", `^[0-9.]+%$`), numberForm())
}
