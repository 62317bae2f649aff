/** What the simulated laboratory measures (LOINC), and what the simulated staff write. */
import type { Analyte, Test } from "./hl7v2.ts";

const analyte = (code: string, title: string, unit: string, low: number, high: number, decimals: number): Analyte => ({
  code,
  title,
  unit,
  low,
  high,
  decimals,
});

export const TESTS: readonly [Test, ...Test[]] = [
  {
    code: "24323-8",
    title: "Comprehensive metabolic panel",
    parts: [
      analyte("2951-2", "Sodium", "mmol/L", 136, 145, 0),
      analyte("2823-3", "Potassium", "mmol/L", 3.5, 5.1, 1),
      analyte("2160-0", "Creatinine", "umol/L", 49, 97, 0),
      analyte("2345-7", "Glucose", "mmol/L", 3.9, 5.8, 1),
    ],
  },
  {
    code: "58410-2",
    title: "Complete blood count",
    parts: [
      analyte("718-7", "Hemoglobin", "g/L", 120, 175, 0),
      analyte("6690-2", "Leukocytes", "10*9/L", 3.9, 10.2, 1),
      analyte("777-3", "Platelets", "10*9/L", 150, 370, 0),
    ],
  },
  { code: "1988-5", title: "C reactive protein", parts: [analyte("1988-5", "C reactive protein", "mg/L", 0, 5, 1)] },
  { code: "6598-7", title: "Troponin T", parts: [analyte("6598-7", "Troponin T", "ng/L", 0, 14, 0)] },
  {
    code: "24325-3",
    title: "Hepatic function panel",
    parts: [
      analyte("1742-6", "ALT", "U/L", 10, 50, 0),
      analyte("1920-8", "AST", "U/L", 10, 50, 0),
      analyte("1975-2", "Bilirubin total", "umol/L", 0, 21, 0),
    ],
  },
  { code: "4548-4", title: "Hemoglobin A1c", parts: [analyte("4548-4", "Hemoglobin A1c", "%", 4.0, 5.7, 1)] },
];

export const SUMMARIES: readonly [string, ...string[]] = [
  "Admitted with chest pain. Troponin negative twice. Discharged home, stress test as outpatient.",
  "Community acquired pneumonia, treated with antibiotics by mouth after two days. Afebrile at discharge.",
  "Elective hip replacement without complications. Mobilised on day one, rehabilitation arranged.",
  "Decompensated heart failure, diuretics by vein, weight down four kilograms. Review in two weeks.",
  "Fall at home with contusion of the left knee. No fracture. Analgesia and follow-up with the family doctor.",
  "Acute appendicitis, laparoscopic appendectomy. Wound dry, sutures out in ten days.",
];

export const LETTERS: readonly [string, ...string[]] = [
  "Thank you for referring this patient. We saw them today and suggest to continue the present medication.",
  "Your patient was assessed in our clinic. Further imaging is arranged; we will report.",
  "We agree with your findings and will take over the treatment from next week.",
];
