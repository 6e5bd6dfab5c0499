/* The pages that have a PDF beside them: none, until tools/pdf.py prints them. */
globalThis.pdfPages = [];
