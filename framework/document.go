package framework

// Document is text for people on its way to a service with a markup of its own (a ticket, a comment, a mail). Every
// string in it is plain text from outside: the renderer of the service escapes all of it, so that nothing in it can
// become markup, a mention, a link or a macro there.
type Document []Block

// Block is one of Heading, Paragraph, Table and Preformatted.
type Block interface{ block() }

// Heading is a short line above what follows.
type Heading struct {
	Level int // 1 to 6
	Text  string
}

// Paragraph is running text; line feeds in it are kept.
type Paragraph []Span

// Span is a piece of a paragraph or of a table cell.
type Span struct {
	Text string
	Bold bool
	// Link makes the text a link. It is shown only when it is an absolute http or https URL made by us or by a
	// configured service, never one that came in as data.
	Link string
}

// Table has a header row unless Header is empty.
type Table struct {
	Header []string
	Rows   [][]Paragraph
}

// Preformatted is shown as it is, in a fixed-width face.
type Preformatted struct{ Text string }

func (Heading) block()      {}
func (Paragraph) block()    {}
func (Table) block()        {}
func (Preformatted) block() {}

// Text is a paragraph of one plain span.
func Text(text string) Paragraph { return Paragraph{{Text: text}} }
