"""Make PDFs by programs that many PDFs are made by, and of kinds that there are.

    pip install reportlab==5.1.0 fpdf2==2.8.9 weasyprint==70.0 pypdf==7.1.1 cryptography
    python make_pdfs.py OUT_DIR
"""

import sys
from pathlib import Path

import weasyprint
from fpdf import FPDF
from pypdf import PdfReader, PdfWriter
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table

out = Path(sys.argv[1])

STORY = (
    "The ferry crosses the sound eleven times a day. In winter, when the ice is thick, it "
    "follows a channel that is broken anew each morning, and whoever stands at the bow hears "
    "the plates grind along the hull."
)

# Paragraphs whose lines are filled, and a table, packed by ASCII85 and Deflate.
styles = getSampleStyleSheet()
SimpleDocTemplate(str(out / "reportlab.pdf"), title="The ferry").build(
    [
        Paragraph("The ferry", styles["Title"]),
        Paragraph(STORY, styles["BodyText"]),
        Spacer(1, 20),
        Paragraph("Fares are <b>the same</b> in both directions.", styles["BodyText"]),
        Table([["Passenger", "Fare"], ["Adult", "4.50"], ["Child", "2.25"]]),
    ]
)

# A font of which a part is embedded, with codes of two bytes.
pdf = FPDF()
pdf.set_title("Überfahrt")
pdf.add_page()
pdf.add_font("DejaVu", fname="/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
pdf.set_font("DejaVu", size=12)
pdf.multi_cell(0, 8, "Die Fähre überquert den Sund. Паром пересекает пролив. Το πλοίο περνά τον πορθμό.")
pdf.add_page()
pdf.multi_cell(0, 8, STORY)
pdf.output(str(out / "fpdf2.pdf"))

# Lines that are filled and hyphenated, in two columns.
weasyprint.HTML(
    string=f"<title>Timetable</title><style>body {{columns: 2; text-align: justify; hyphens: auto}}</style>"
    f"<body lang=en><h1>Timetable</h1><p>{STORY}</p><p>{STORY.replace('ferry', 'steamer')}</p>"
).write_pdf(str(out / "weasyprint.pdf"))

# The first one behind a password, and with one that is only for whoever changes it.
writer = PdfWriter(clone_from=PdfReader(str(out / "reportlab.pdf")))
writer.encrypt(user_password="secret", algorithm="AES-256-R5")
writer.write(str(out / "password.pdf"))
writer = PdfWriter(clone_from=PdfReader(str(out / "reportlab.pdf")))
writer.encrypt(user_password="", owner_password="owner", algorithm="AES-256")
writer.write(str(out / "owner.pdf"))
