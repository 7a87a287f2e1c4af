"""English reports by the kind of what they say: denial, doubt, change, sections, norm."""

import pytest
from helpers.lexicons import expected

from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.reports import label

DENIED = [  # nothing is present or in doubt
    "No focal airspace opacity to suggest a pneumonia.",
    "There is no focal opacity to suggest an acute pneumonia",
    "No consolidation to suggest the presence of pneumonia.",
    "No effusion, pneumothorax, or left basal pneumonia",
    "No pneumothorax, effusion or a nodule.",
    "No consolidation or definite pulmonary nodule",
    "No focal consolidation, pleural effusion or pulmonary nodules",
    "No suspicious nodules",
    "No suspicious pulmonary nodule or mass is identified.",
    "no definite infiltrate or pneumonia",
    "No convincing evidence of pneumonia",
    "There is no convincing radiographic evidence of active tuberculosis.",
    "Without evidence of focal pneumonia, effusion or pneumothorax",
    "The lungs are clear of nodules.",
    "Lungs are clear of focal opacities and pneumonia",
    "The lungs are free of focal opacity",
    "Negative for pneumonia, nodule, or mass.",
    "The previously described nodule is no longer seen.",
    "The left lower lobe pneumonia is no longer visualized",
    "There is no longer a nodule at the right base",
    "Interval clearing of the right lower lobe pneumonia.",
    "Interval resolution of the left basilar pneumonia",
    "Pneumonia has completely cleared",
    "Right upper lobe pneumonia, resolved.",
    "The nodular opacity in the left midlung has resolved.",
    "Nothing to suggest pneumonia.",
    "There is nothing to suggest active tuberculosis",
    "No findings suggestive of pneumonia.",
    "No findings to suggest tuberculosis",
    "No radiographic evidence for pneumonia or tuberculosis.",
    "No opacity concerning for pneumonia",
    "No pneumonia, pulmonary edema, or suspicious nodule.",
    "The study is negative for active tuberculosis",
    "No sequelae of tuberculosis",
    "Neither nodule nor pneumonia",
    "Lungs clear, no pneumonia or left-sided nodule",
    "The nodules, described earlier, are not seen.",
    "No nodules,\npneumonia or fibrosis.",
    "No\nTB, no nodule.",
    "No scarring or emphysema.",
    "No focal areas of opacity. No scar.",
    "Nodules suspicious for metastases are not seen.",
    "Does not show pneumonia",
    "No lobar pneumonia, mass, nodule or adenopathy is seen",
    "The aorta is not unfolded. No unfolding of the aorta.",
    "No pneumonia is seen, and there is no evidence of emphysema.",
    "Surgical scar over the left chest wall",
    "Calcified nodules in the right lung",
    "Focal consolidation at the left base",
    "Subcutaneous emphysema along the left chest wall.",
]
PRESENT = [
    ("Apart from mild fibrosis at the right base no abnormality", "fibrosis"),
    ("No abnormality except for a nodule in the left apex", "focal_shadows"),
    ("Lungs are clear except for scarring in the left base.", "fibrosis"),
    ("Other than a small nodule, no pneumonia is seen", "focal_shadows"),
    ("No effusion with residual scarring at the left base", "fibrosis"),
    ("No pneumothorax, the aorta is unfolded", "aorta"),
    ("No pneumothorax, a nodule is in the right apex", "focal_shadows"),
    ("No pneumonia or effusion, scarring of the left base", "fibrosis"),
    ("Resolving right lower lobe pneumonia", "pneumonia"),
    ("Improving pneumonia at the left base", "pneumonia"),
    ("Pneumonia has not completely cleared", "pneumonia"),
    ("Partial clearing of the right lower lobe pneumonia", "pneumonia"),
    ("Incompletely resolved pneumonia", "pneumonia"),
    ("Pneumonia persists. Follow up to document resolution of pneumonia.", "pneumonia"),
    ("No significant change in the nodule", "focal_shadows"),
    ("No improvement in the pneumonia", "pneumonia"),
    ("Findings consistent with emphysema", "emphysema"),
    ("Findings in keeping with pneumonia", "pneumonia"),
    ("Biapical scarring. No nodule.", "fibrosis"),
    ("Sequelae of old Koch's disease", "tuberculosis"),
    ("Fibrocalcific strands in both apices", "fibrosis"),
    ("Non-calcified nodule in the lingula", "focal_shadows"),
    ("Emphysema, resolved pneumonia.", "emphysema"),
    ("Emphysema and resolved pneumonia", "emphysema"),
    ("Scarring and fibrosis at the bases", "fibrosis"),
    ("The nodule is unchanged. No new nodule.", "focal_shadows"),
    ("Emphysematous lungs, but no pneumonia", "emphysema"),
    ("Bullous emphysema without pneumonia or nodule", "emphysema"),
]
IN_DOUBT = [
    ("Pneumonia is less likely.", "pneumonia"),
    ("Pneumonia unlikely", "pneumonia"),
    ("Correlate for pneumonia", "pneumonia"),
    ("Question of a nodule at the right apex", "focal_shadows"),
    ("Right basal opacity, rule out pneumonia", "pneumonia"),
    ("R/O TB", "tuberculosis"),
    ("?nodule right apex", "focal_shadows"),
    ("Streaks at the right base ?fibrosis", "fibrosis"),
    ("enlarged heart ?unfolded aorta", "aorta"),
    ("Impression: ? pneumonia", "pneumonia"),
    ("Atelectasis or scarring at the left base", "fibrosis"),
    ("Bibasilar atelectasis/scarring", "fibrosis"),
    ("Linear opacity due to atelectasis versus scar", "fibrosis"),
    ("Tuberculosis versus pneumonia", "tuberculosis pneumonia"),
    ("Pneumonia or bronchitis", "pneumonia bronchitis"),
    ("Lymphoma, sarcoidosis and tuberculosis are to be considered", "tuberculosis"),
    ("CT is suggested to exclude a nodule", "focal_shadows"),
    ("Large heart. Recommendation: CT for the nodule", "focal_shadows"),
    ("Findings may indicate early emphysema", "emphysema"),
    ("Opacity suspicious for pneumonia", "pneumonia"),
    ("Concern for pneumonia at the left base", "pneumonia"),
    ("This could represent pneumonia in the right clinical setting", "pneumonia"),
    ("Superimposed pneumonia cannot be excluded.", "pneumonia"),
    ("Favor scarring", "fibrosis"),
    ("Probably fibrosis", "fibrosis"),
]
SECTIONS = [  # (report, present, in doubt)
    ("INDICATION: Pneumonia.\nFINDINGS: Heart is large.\nIMPRESSION: Cardiomegaly.", "", ""),
    ("HISTORY: Emphysema, prior tuberculosis.\nThe heart is large.", "", ""),
    ("Hx: TB.\nCOMPARISON: CT, 4 mm nodule.\nFINDINGS: Emphysema.", "emphysema", ""),
    ("CLINICAL HISTORY\nCough, pneumonia?\nFINDINGS\nScar at the left base.", "fibrosis", ""),
    ("Clinical: r/o pneumonia. Emphysema is seen.", "emphysema", ""),
    ("COMPARISON: None. INDICATION: Nodule. FINDINGS: Clear. IMPRESSION: TB.", "tuberculosis", ""),
    (
        "EXAM: CXR\nREASON: persistent cough,\nbronchitis vs pneumonia\nFINDINGS: Scars.",
        "fibrosis",
        "",
    ),
    ("TECHNIQUE: PA view to exclude nodule.\nFindings: Fibrosis.", "fibrosis", ""),
    ("IMPRESSION: 1. Emphysema. 2. No pneumonia.", "emphysema", ""),
    ("INDICATION: pneumonia", "", "norm pneumonia"),  # nothing but context
    ("History of pneumonia in 2010. Fibrosis.", "fibrosis", ""),
    (
        "FINDINGS: Emphysema.\nRECOMMENDATION: Follow-up of the nodule.",
        "emphysema",
        "focal_shadows",
    ),
]
NORM = [
    "The heart is normal in size. The mediastinum is unremarkable. The lungs are clear.",
    "Both lungs are clear and expanded. Heart and mediastinum normal.",
    "Heart size and pulmonary XXXX appear normal. Lungs are free of airspace disease. No pleural "
    "effusion or pneumothorax XXXX. XXXX structures intact.",
    "COMPARISON: XXXX.\nINDICATION: Pneumonia.\nFINDINGS: Heart size is normal. Lungs are clear.\n"
    "IMPRESSION: No acute cardiopulmonary abnormality.",
    "FINDINGS: The trachea is midline. Negative for pneumothorax, pleural effusion or focal "
    "airspace consolidation. The heart size is normal.",
    "Cardiomediastinal silhouette is within normal limits of size and appearance. The pulmonary "
    "vascularity is unremarkable. Lungs are expanded and clear of airspace disease.",
    "No focal areas of consolidation. Cardiac silhouette appears within normal limits.",
    "1. No acute cardiopulmonary disease.",
    "Impression: No acute cardiopulmonary XXXX.",
    "Lungs: Clear. Pleura: No effusion. Heart: Normal. Bones: No fracture.",
    "lungs clear heart normal no effusion no ptx",
    "Normal chest. No pneumonia.",
    "CHEST X-RAY PA\nLung fields clear. CP angles clear. Heart size normal. Bony cage normal.",
    "No pneumonia, effusions, edema, pneumothorax, adenopathy, nodules or masses. Lungs are clear.",
    "Visualized osseous structures of the thorax are without acute abnormality. Clear lungs.",
    "Normal cardiomediastinal contours. Clear lungs. No pneumothorax or large pleural effusion.",
    "The lungs and pleural spaces show no acute abnormality. Heart size within normal limits.",
    "Normal heart, lungs, hila, mediastinum, pleural surfaces and bony structures.",
    "There is no focal consolidation, pneumothorax, or effusion. No acute bony abnormalities.",
    "Impression: Unremarkable radiographs of the chest.",
]
NO_NORM = [
    "Lungs are clear. Heart size is stable.",
    "Lungs are clear. Heart is mildly enlarged.",
    "No change in the lung disease.",
    "No significant change.",
    "No interval change. Heart size normal.",
    "No new opacity. Heart normal.",
    "The lungs are hyperexpanded but clear.",
    "Lungs clear. Calcified granuloma at the right base.",
    "Heart is at the upper limits of normal. Lungs are clear.",
    "Lungs are otherwise clear. Heart normal.",
    "No effusion. Heart normal.",
    "No pneumonia.",
    "Normal heart size.",
    "Lungs are clear. Pleural effusion.",
    "No acute disease. Degenerative changes of the spine.",
    "IMPRESSION: No acute disease.\nFINDINGS: Old rib fracture. Lungs clear.",
    "The lungs are not clear.",
    "Lungs are clear? Heart normal.",
    "Low lung volumes. Lungs are clear.",
    "Tortuous aorta. Lungs are clear. Heart normal.",
    "Lungs are clear. Recommend CT of the left base mass.",
    "INDICATION: Normal chest.",
    "Lungs are clear. Pacemaker.",
    "Normal lungs. Mild cardiomegaly.",
    "Not normal.",
    "Clear of what?",
]


@pytest.mark.parametrize("text", DENIED)
def test_denied(text: str, english: Lexicon) -> None:
    assert label(text, english) == expected("", "")


@pytest.mark.parametrize(("text", "present"), PRESENT)
def test_present(text: str, present: str, english: Lexicon) -> None:
    assert label(text, english) == expected(present, "")


@pytest.mark.parametrize(("text", "in_doubt"), IN_DOUBT)
def test_in_doubt(text: str, in_doubt: str, english: Lexicon) -> None:
    assert label(text, english) == expected("", in_doubt)


@pytest.mark.parametrize(("text", "present", "in_doubt"), SECTIONS)
def test_sections(text: str, present: str, in_doubt: str, english: Lexicon) -> None:
    assert label(text, english) == expected(present, in_doubt)


@pytest.mark.parametrize("text", NORM)
def test_composed_norm(text: str, english: Lexicon) -> None:
    assert label(text, english, norm="composed")["norm"] == 1


@pytest.mark.parametrize("text", NO_NORM)
def test_no_composed_norm(text: str, english: Lexicon) -> None:
    assert label(text, english, norm="composed")["norm"] != 1
