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

# Short normal reports with removed words (XXXX), also inside sentences and words
SHORT_NORM = [
    "COMPARISON: None.\nINDICATION: XXXX\nFINDINGS: The cardiac silhouette and mediastinum size"
    " are within normal limits. There is no pulmonary edema. There is no focal consolidation. "
    "There are no XXXX of a pleural effusion. There is no evidence of "
    "pneumothorax.\nIMPRESSION: Normal chest x-XXXX.",
    "The heart and lungs have XXXX XXXX in the interval. Both lungs are clear and expanded. "
    "Heart and mediastinum normal.\nIMPRESSION: No active disease.",
    "FINDINGS: Frontal and lateral views of the chest show normal size and configuration of the"
    " cardiac silhouette. Normal mediastinal contour, pulmonary XXXX and vasculature, central "
    "airways and lung volumes. No pleural effusion.\nIMPRESSION: No acute or active cardiac, "
    "pulmonary or pleural disease.",
    "Heart size within normal limits. No focal alveolar consolidation, no definite pleural "
    "effusion seen. No typical findings of pulmonary edema.\nIMPRESSION: No acute "
    "cardiopulmonary findings.",
    "Lungs are clear bilaterally. Specifically, no evidence of focal consolidation, "
    "pneumothorax, or pleural effusion.. Cardio mediastinal silhouette is unremarkable. "
    "Visualized osseous structures of the thorax are without acute abnormality.",
    "The heart size and cardiomediastinal silhouette are within normal limits. There is no "
    "focal airspace opacity, pleural effusion, or pneumothorax. The osseous structures are "
    "intact.",
    "Cardiomediastinal silhouette is within normal limits for appearance. No focal areas of "
    "pulmonary consolidation. No pneumothorax. No pleural effusion. The thoracic spine appears "
    "intact. No acute, displaced rib fractures.\nIMPRESSION: No acute cardiopulmonary "
    "abnormality.",
    "Normal heart size and mediastinal contours. Lungs are clear. XXXX are unremarkable. No "
    "XXXX of acute disease.",
    "XXXX and lateral chest examination was obtained. The heart silhouette is normal in size "
    "and contour. Aortic XXXX appear unremarkable. Lungs demonstrate no acute findings. There "
    "is no effusion or pneumothorax.\nIMPRESSION: 1. No acute pulmonary disease.",
    "The trachea is midline. The cardiomediastinal silhouette is normal. The lungs are clear, "
    "without focal consolidation or effusion. There is no pneumothorax. The visualized bony "
    "structures reveal no acute abnormalities.",
    "The cardioXXXX silhouette is normal. Lungs are clear. No pneumoXXXX.",
    "The heart is not significantly enlarged. The lungs are clear. The skeletal structures are "
    "unremarkable.",
    "No pneumothorax, pleural effusion, or airspace consolidation. Cardiomediastinal size is "
    "within normal limits. Pulmonary vasculature is unremarkable. No acute bony abnormality.",
    "Lungs are clear. No pleural effusions or pneumothoraces. Heart and mediastinum of normal "
    "size and contour.",
    "Normal cardiomediastinal contour. Well-expanded and clear lungs. No acute bony findings.",
    "Mediastinal contours are normal. Clear, well-inflated lungs. Bony thorax intact.",
    "The XXXX XXXX are clear. Cardiomediastinal silhouette normal.\nIMPRESSION: Negative for "
    "acute cardiopulmonary abnormality.",
    "Heart size normal. No focal XXXX. Lungs clear.",
    "Lungs are clear. No infiltrate, XXXX, or effusion. XXXX size is normal.",
    "Vertebral body heights are maintained. Lungs clear. Heart normal.",
    "Cardiac and mediastinal contours are within normal limits. The lungs are clear. Bony "
    "structures are intact.\nIMPRESSION: No acute preoperative findings.",
    "Heart and mediastinum normal. Lungs clear.\nIMPRESSION: No radiographic evidence of "
    "tuberculosis.",
    "The heart is normal in size and contour. There is no mediastinal widening. The lungs are "
    "clear bilaterally. No large pleural effusion or pneumothorax. The XXXX are intact.",
    "Chest: 2 views, XXXX. Heart size and pulmonary vascularity are normal. Lungs are "
    "clear.\nNormal exam.",
    "FINDINGS: Lungs are clear. Heart size is normal and the pulmonary XXXX are normal. No bony"
    " abnormality.\nIMPRESSION: Heart size is normal and the lungs are clear.",
    "Cardiac silhouette within normal limits. No evidence of acute infiltrate, effusion, or "
    "CHF. Visualized bones appear normal.\nIMPRESSION: No acute radiographic abnormality.",
    "Heart size, mediastinal contour, and pulmonary vascularity are within normal limits. No "
    "focal consolidation, suspicious pulmonary opacity, pneumothorax, or definite pleural "
    "effusion. Visualized osseous structures appear intact.",
    "There are no acute osseous abnormalities. The lungs are well-inflated. Heart is normal in "
    "size.",
    "The lungs appear clear. The pleural spaces are clear. Mediastinal contours are normal. The"
    " heart and pulmonary XXXX are normal.\nIMPRESSION: No acute cardiopulmonary disease",
    "Unremarkable cardiomediastinal silhouette. Lungs are free of infiltrate or edema. No free "
    "air beneath the diaphragm.",
    "Negative for cardiopulmonary disease.",
    "No acute cardiac or pulmonary disease process identified.",
    "No visible acute process. Heart normal.",
    "Lungs are clear without evidence of infiltrate or mass. No hilar or mediastinal "
    "adenopathy. Soft tissues and bony structures are unremarkable.",
    "Normal heart. Clear lungs. No XXXX.",
    "The chest is unchanged and normal.",
    "Lungs are clear. There is no XXXX effusion. The XXXX and soft tissues are within normal "
    "limits. The heart size is normal. The hilar XXXX and mediastinal contours are "
    "unremarkable.",
    "No rib fractures or pneumothorax. Lungs are clear. Heart XXXX normal.",
    "The lungs are clear and without focal air space opacity. The cardiomediastinal silhouette "
    "is normal in size and contour, and stable. No pneumothorax or pleural effusion.",
    "No acute cardiopulmonary abnormality. No evidence of active TB.",
    "Trachea is midline. Cardiac silhouette is normal. Lungs are symmetrically expanded and "
    "clear. No definite nodules. No acute bony abnormality.",
    "Heart size normal. Lungs are clear. XXXX are normal. No pneumonia, effusions, edema, "
    "pneumothorax, adenopathy, nodules or masses.\nNormal chest",
    "Lungs: The lungs are clear. Pleura: No pleural effusion or pneumothorax. Heart: Heart size"
    " normal. Bones: No acute osseous abnormality.",
    "Cardiomediastinal contours within normal limits of size and appearance. Lungs are clear of"
    " consolidation, effusion and pneumothorax.",
    "The cardiac silhouette, upper mediastinum and pulmonary vasculature are within normal "
    "limits. There is no acute air space infiltrate, pleural effusion or pneumothorax.",
    "No comparison chest x-XXXX. Well-expanded and clear lungs. Mediastinal contour within "
    "normal limits. No acute cardiopulmonary abnormality identified.",
]
SHORT_NO_NORM = [
    "Lungs are clear. Mild scoliosis.",
    "No effusion, mild scoliosis. Lungs clear.",
    "Lungs clear, no effusion, pacemaker in place.",
    "No infiltrate, sternotomy wires. Heart normal.",
    "Lungs are clear otherwise.",
    "Heart size is stable. Lungs are clear.",
    "The cardiac silhouette is unchanged. Lungs are clear.",
    "Lungs are clear. Granuloma right base.",
    "No acute infiltrate. Old granulomatous disease.",
    "Lungs are clear. Calcified lymph nodes.",
    "Heart size upper limits of normal. Lungs clear.",
    "Heart size XXXX. Lungs clear. Low volumes.",
    "Heart size is XXXX. Lungs clear.",
    "Heart is XXXX. No effusion.",
    "Lungs are hypoinflated but clear.",
    "Lungs are hyperinflated. No effusion.",
    "Lungs clear. Elevated right hemidiaphragm.",
    "Lungs are clear. Right hemidiaphragm is elevated.",
    "The lungs are clear. Aorta is tortuous.",
    "The lungs are clear. Calcified aorta.",
    "Lungs are clear. The aorta is calcified but heart is normal.",
    "The lungs are clear. Degenerative changes of the spine.",
    "Lungs are clear. XXXX XXXX degenerative changes.",
    "No acute disease. Stable cardiomegaly.",
    "No acute disease, cardiomegaly, stable.",
    "Lungs clear. Increased AP diameter.",
    "Lungs are clear. There is a XXXX in the right base.",
    "Normal heart. XXXX opacity. Clear lungs.",
    "Lungs not clear. Heart normal.",
    "Lungs clear. Heart not normal.",
    "Lungs clear. Sternotomy.",
    "Lungs are clear. Bibasilar atelectasis.",
    "Right lung is clear. Left effusion.",
    "Lungs are clear. Prominent hilar XXXX.",
    "Lungs are clear. Increased interstitial markings.",
    "Lungs are clear. Surgical clips right upper quadrant.",
    "Heart normal. No new infiltrate.",
    "Partial resolution of infiltrate. Heart normal.",
    "Effusion has not resolved. Lungs are clear.",
    "Almost completely resolved pneumonia. Lungs clear.",
    "Residual effusion. Lungs clear.",
    "Nearly complete resolution of effusion. Lungs clear.",
    "Trachea to the left. Lungs clear.",
    "Interval resolution of effusion.",
    "FINDINGS: Degenerative changes.\nIMPRESSION: Heart and lungs normal.",
    "FINDINGS: Old rib fracture.\nIMPRESSION: Clear lungs.",
    "FINDINGS: Lungs clear. Calcified nodes.\nIMPRESSION: No acute disease.",
    "Lungs are clear with decreased effusion.",
    "No significant interval change.",
    "Unchanged.",
    "Stable exam.",
    "Heart normal.",
    "No effusion.",
    "No pneumonia or effusion. Heart large.",
    "There is no.",
    "Views of the chest.",
    "PA and lateral chest.",
    "Lungs are XXXX.",
    "The heart is enlarged. XXXX are clear.",
    "Chest, 2 views. No effusion.",
    "Lungs are low volume but clear.",
    "The right costophrenic angle is blunted. Lungs are clear.",
    "Costophrenic angle not clear.",
    "Lungs clear. No acute fracture. Old fracture.",
    "No evidence of active disease. Pleural thickening.",
    "Normal variant azygos lobe. Lungs clear.",
    "Lungs are clear. Kyphosis, osteopenia.",
    "Lungs are clear, scoliosis.",
    "No infiltrate, effusion. Cardiomegaly.",
    "The lungs are clear. Catheter tip in SVC.",
    "Left lung clear. Opacity on the right.",
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


@pytest.mark.parametrize("text", NORM + SHORT_NORM)
def test_composed_norm(text: str, english: Lexicon) -> None:
    assert label(text, english, norm="composed")["norm"] == 1


@pytest.mark.parametrize("text", NO_NORM + SHORT_NO_NORM)
def test_no_composed_norm(text: str, english: Lexicon) -> None:
    assert label(text, english, norm="composed")["norm"] != 1
